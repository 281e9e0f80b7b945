"""What a released version of Promote wrote can be read for good: UPDATE_RELEASED=1 writes today's samples."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from lambdas.promotion.contract import lock_expressions
from lambdas.promotion.contract.document import KnownGood, Promotion, from_lenient_json, from_line, to_json
from lambdas.promotion.lock import age, endpoint_wait, store
from lambdas.promotion.outcome import execution_history, records
from tests.released import samples

LINES = tuple(kind for kind in samples.KINDS if kind not in {Promotion, KnownGood})


def stored(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def includes(whole: Any, part: Any) -> bool:
    """Whether nothing of a part got lost."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(includes(whole.get(name), value) for name, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(includes, whole, part))
    return bool(whole == part)


def test_todays_schema_is_the_newest_with_samples() -> None:
    if os.environ.get("UPDATE_RELEASED"):
        samples.NEWEST.mkdir(exist_ok=True)
        for name, sample in samples.now().items():
            (samples.NEWEST / name).write_text(json.dumps(sample, indent=1) + "\n")
    assert samples.released()[-1] == samples.NEWEST


@pytest.mark.parametrize("name", sorted(samples.now()))
def test_the_contract_is_that_of_its_samples(name: str) -> None:
    """It changed? Raise SCHEMA, and keep the samples of the schema that was released (CONTRIBUTING.md)."""
    assert samples.now()[name] == stored(samples.NEWEST, name)


@pytest.fixture(params=samples.released(), ids=lambda folder: folder.name)
def released(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def test_a_document_is_read(released: Path) -> None:
    """By the cleanup of an execution that another version started."""
    document = stored(released, "Promotion.json")
    read = execution_history._part(document, Promotion)
    assert read is not None
    assert includes(read.to_json(), document)


def test_a_record_is_rolled_back_to(released: Path) -> None:
    record = stored(released, "record.json")
    promotion = records.promotion_of({**record, "document": json.dumps(record["document"])})
    assert promotion is not None
    assert includes(promotion.to_json(), record["document"])


def test_a_last_known_good_promotion_is_read_and_kept(released: Path) -> None:
    """From the item of the lock, directly and in the document of a promotion that waited for the lock."""
    entry = stored(released, "KnownGood.json")
    (read,) = records.known_good_of(json.dumps([entry]))
    assert includes(json.loads(records.known_good_text([read])), [entry])
    waiting = samples.full(Promotion).to_json()
    waiting["lock"]["last_known_good"] = [entry]
    assert Promotion.from_json(waiting).lock.current == read  # type: ignore[union-attr]


def test_the_item_of_an_endpoint_is_read(released: Path) -> None:
    item = stored(released, "endpoint.json")
    dynamodb, stepfunctions = Mock(), Mock()
    dynamodb.get_item.return_value = {"Item": item}
    dynamodb.get_paginator.return_value.paginate.return_value = [{"Items": [item]}]
    lock = store.read("key", dynamodb=dynamodb)
    assert (lock.owner, lock.locked_at) == (item["owner"]["S"], item["locked_at"]["S"])
    assert lock.waiting is not None
    assert lock.last_known_good == item["last_known_good"]["S"]
    assert age.owners("table", dynamodb) == [lock.owner]
    waited = endpoint_wait.end("key", "Text", dynamodb=dynamodb, stepfunctions=stepfunctions)
    assert waited is endpoint_wait.Waiting.ENDED
    stepfunctions.send_task_success.assert_called_once_with(taskToken=item["task_token"]["S"], output="{}")


def test_the_sample_of_an_endpoint_has_every_attribute() -> None:
    written = " ".join([lock_expressions.TAKE, lock_expressions.RELEASE_AND_RECORD, lock_expressions.WAIT, store._WAIT])
    names = set(re.findall(r"[a-z_]+", re.sub(r":[a-z_]+", "", written)))
    assert names <= stored(samples.NEWEST, "endpoint.json").keys()


@pytest.mark.parametrize("kind", LINES)
def test_a_line_of_a_list_is_read(released: Path, kind: type) -> None:
    line = stored(released, f"{kind.__name__}.json")
    assert includes(to_json(from_line(json.dumps(line).encode(), kind)), line)


def test_every_value_is_still_one(released: Path) -> None:
    values = samples.now()["values.json"]
    for name, earlier in stored(released, "values.json").items():
        assert set(earlier) <= set(values.get(name, [])), name


@pytest.mark.parametrize("kind", samples.KINDS)
def test_what_a_newer_version_added_is_tolerated(kind: type) -> None:
    written = to_json(samples.full(kind))
    read = to_json(from_lenient_json({**written, "added": {"by": "a newer version"}}, kind))
    assert includes(read, written)
