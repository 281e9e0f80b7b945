"""A record's values as DynamoDB's attributes: as boto3 makes and reads them."""

from __future__ import annotations

from decimal import Decimal, Inexact
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from lambdas.promotion.outcome.attribute_values import from_attributes, to_attributes

PLAIN = st.none() | st.booleans() | st.text() | st.integers(-(10**30), 10**30) | st.decimals(-100, 100, places=3)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


@given(VALUES)
def test_the_attributes_are_those_of_boto3(value: Any) -> None:
    deserialise: Any = TypeDeserializer().deserialize
    attributes = to_attributes({"field": value})
    assert attributes == {"field": TypeSerializer().serialize(value)}
    assert from_attributes(attributes) == {"field": deserialise(attributes["field"])}
    assert from_attributes(attributes) == {"field": value}


@pytest.mark.parametrize("value", [1.5, object(), Decimal("NaN"), Decimal("Infinity"), {"inside": [1.5]}])
def test_what_a_record_cannot_have_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_attributes({"field": value})


def test_a_number_that_dynamodb_would_round_is_refused() -> None:
    with pytest.raises(Inexact):
        to_attributes({"field": 10**40 + 1})


def test_a_set_that_someone_added_to_an_item_does_not_prevent_reading_it() -> None:
    assert from_attributes({"field": {"SS": ["a"]}}) == {"field": ["a"]}
