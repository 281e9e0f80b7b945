"""Walks of a rule with every recorded entry of an operation: one without an expected result fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.promotion.aws import error_translation
from recordings import store
from recordings.store import Evidence, Recording

NO_ROW = "this recording has no row in the table of expected results"


def walked(operation: str, expected: Mapping[str, object], *, elsewhere: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrise a test with each answer and event of an operation, `recorded`, and its row, `expected`.

    `elsewhere`: entries that other tests read by their keys, since they are no answer that the rule reads.
    """
    entries = [entry for entry in store.of_operation(operation) if entry.evidence is not Evidence.NONE]
    return _rows([entry for entry in entries if not entry.error and not entry.requests], expected, elsewhere)


def walked_errors(
    operation: str, expected: Mapping[str, object], *, elsewhere: Collection[str] = ()
) -> pytest.MarkDecorator:
    """Parametrise a test with each error of an operation, `recorded`, and its row, `expected`."""
    return _rows([entry for entry in store.of_operation(operation) if entry.error], expected, elsewhere)


def _rows(entries: list[Recording], expected: Mapping[str, object], elsewhere: Collection[str]) -> pytest.MarkDecorator:
    without = {*expected, *elsewhere} - {entry.name for entry in entries}
    assert not without, f"no recording has the name of {', '.join(sorted(without))}"
    return pytest.mark.parametrize(
        ("recorded", "expected"),
        [
            pytest.param(entry, expected.get(entry.name, NO_ROW), id=entry.name)
            for entry in entries
            if entry.name not in elsewhere
        ],
    )


def answer(recorded: Recording, **changes: Any) -> dict[str, Any]:
    """Return a copy of a recorded response, in which `changes` replace or (None) remove fields."""
    return store.response(recorded.key, **changes)


class Stub(Stubber):
    """A Stubber whose client is that of any service."""

    client: Any


@contextmanager
def stubbed(service: str) -> Iterator[Stub]:
    """Yield a Stubber of a client that all tests share, since it takes long to make. Every response is used."""
    stubber = Stub(_client(service))
    with stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def refuse(stubber: Stub, method: str, recorded: Recording) -> None:
    """Let the next call of a method be refused as it was recorded."""
    add_error(stubber, method, recorded.error)


def add_error(stubber: Stub, method: str, error: Mapping[str, Any]) -> None:
    """Let the next call of a method be refused with an error in the form of a recording's."""
    status = int(error.get("status") or 400)
    stubber.add_client_error(
        method,
        str(error.get("code") or ""),
        str(error.get("message") or ""),
        # botocore makes status 500 of an error that comes with status 200.
        500 if status == 200 else status,
        service_error_meta=dict(error.get("members", {})),
    )


@cache
def _client(service: str) -> Any:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    client = session.client(service)  # type: ignore[call-overload]
    error_translation.translate_errors(client, "The role")
    return client
