"""Equal content has one digest, whatever its order in a file, in a response or in a state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.contract import digests

VARIANTS = [
    {"VariantName": "blue", "InitialVariantWeight": 1.0, "InitialInstanceCount": 2},
    {"VariantName": "green", "InitialVariantWeight": 0.5, "InitialInstanceCount": 1},
]


@pytest.mark.parametrize(
    ("content", "same"),
    [
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1}),
        ({"Environment": {"A": "1", "B": "2"}}, {"Environment": {"B": "2", "A": "1"}}),
        ({"Subnets": ["subnet-1", "subnet-2"]}, {"Subnets": ["subnet-2", "subnet-1"]}),
        ([{"SecurityGroupIds": ["sg-1", "sg-2"]}], [{"SecurityGroupIds": ["sg-2", "sg-1"]}]),
        ({"ProductionVariants": VARIANTS}, {"ProductionVariants": VARIANTS[::-1]}),
        (
            {"CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]},
            {"CaptureOptions": [{"CaptureMode": "Output"}, {"CaptureMode": "Input"}]},
        ),
        ({"ProductionVariants": VARIANTS}, {"ProductionVariants": [VARIANTS[0], dict(reversed(VARIANTS[1].items()))]}),
        ({"InitialVariantWeight": 1.0}, {"InitialVariantWeight": 1}),
        ([1, 2], (1, 2)),
    ],
)
def test_equal_content_has_one_digest(content: Any, same: Any) -> None:
    assert digests.hex_digest(content) == digests.hex_digest(same)


@pytest.mark.parametrize(
    ("content", "other"),
    [
        ({"Containers": [{"Image": "a"}, {"Image": "b"}]}, {"Containers": [{"Image": "b"}, {"Image": "a"}]}),
        ({"Environment": {"A": "1"}}, {"Environment": {"A": "2"}}),
        ({"Environment": {"A": "1"}}, {"Environment": {"a": "1"}}),
        ({"Environment": {"A": '{"x": 1, "y": 2}'}}, {"Environment": {"A": '{"y": 2, "x": 1}'}}),
        ({"InitialVariantWeight": 1.5}, {"InitialVariantWeight": 1}),
        ({"Count": 1}, {"Count": True}),
        ({"Count": 1}, {"Count": "1"}),
        (["a", "b"], ["b", "a"]),
    ],
)
def test_other_content_has_another_digest(content: Any, other: Any) -> None:
    assert digests.hex_digest(content) != digests.hex_digest(other)


def test_content_that_went_through_a_state_has_the_same_digest() -> None:
    content = {"ProductionVariants": tuple(VARIANTS)}
    assert digests.hex_digest(json.loads(json.dumps(content))) == digests.hex_digest(content)


def test_the_bytes_of_equal_content_never_change() -> None:
    """The names of the models that exist are made of their digest: from other bytes a promotion makes other models."""
    assert digests.canonical({"b": [1.0, "\u00fc"], "a": None}) == b'{"a":null,"b":[1,"\\u00fc"]}'
