"""The clean-up leaves nothing, touches nothing else, and says what is still there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from botocore.exceptions import ClientError

from conformance.cleanup import cleaning
from conformance.cleanup.cleaning import Cleaned, Leftover, Look
from tests.conformance.builders import FakeAccount

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteBucket")


class Shelf:
    """Things that exist. Each can be deleted once nothing is there that it is used by."""

    def __init__(self, *names: str, used_by: dict[str, str] | None = None, denied: str = "") -> None:
        self.names = list(names)
        self.used_by = used_by or {}
        self.denied = denied
        self.tries = 0

    def look(self, _: Cleaned, run: str) -> Iterator[Leftover]:
        own = cleaning.named(run)
        yield from [Leftover("thing", name, partial(self.delete, name)) for name in self.names if own(name)]

    def delete(self, name: str) -> None:
        self.tries += 1
        if name == self.denied or self.used_by.get(name) in self.names:
            raise DENIED
        self.names.remove(name)


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("conformance.cleanup.cleaning.time.sleep", taken.append)
    return taken


def clean(run: str, *looks: Look, seconds: float = 1.0) -> list[str]:
    return cleaning.clean(FakeAccount(), run, looks, seconds=seconds, report=lambda _: None)


def test_only_what_has_the_run_s_name_is_deleted() -> None:
    shelf = Shelf("promote-conformance-abc123-n1", "promote-conformance-other1-n1", "promote-hub", "models")
    assert clean("abc123", shelf.look) == []
    assert shelf.names == ["promote-conformance-other1-n1", "promote-hub", "models"]


def test_without_a_run_what_every_run_left_is_deleted() -> None:
    shelf = Shelf("promote-conformance-abc123-n1", "promote-conformance-other1-n1", "promote-hub")
    assert clean("", shelf.look) == []
    assert shelf.names == ["promote-hub"]


def test_what_is_in_use_is_deleted_in_a_later_round(sleeps: list[float]) -> None:
    first, second = "promote-conformance-abc123-n1", "promote-conformance-abc123-n2"
    shelf = Shelf(first, second, used_by={first: second})
    assert clean("abc123", shelf.look) == []
    assert (shelf.tries, len(sleeps)) == (3, 1)


def test_what_cannot_be_deleted_is_named_with_the_reason() -> None:
    name = "promote-conformance-abc123-n1"
    (left,) = clean("abc123", Shelf(name, denied=name).look, seconds=0.0)
    assert left.startswith(f"thing {name}")


def test_the_reason_is_that_of_the_last_try() -> None:
    name = "promote-conformance-abc123-n1"
    (left,) = clean("abc123", Shelf(name, denied=name).look, seconds=0.05)
    assert "AccessDenied" in left


def test_what_cannot_be_looked_for_is_left() -> None:
    def denied(_: Cleaned, __: str) -> Iterator[Leftover]:
        raise DENIED
        yield

    shelf = Shelf("promote-conformance-abc123-n1")
    (left,) = clean("abc123", denied, shelf.look)
    assert left.startswith("what could not be looked for: denied: An error occurred (AccessDenied)")
    assert shelf.names == []


def test_what_is_being_deleted_is_waited_for(sleeps: list[float]) -> None:
    answers = [[Leftover("endpoint", "e")], []]

    def look(_: Cleaned, __: str) -> Iterator[Leftover]:
        yield from answers.pop(0)

    assert clean("abc123", look) == []
    assert len(sleeps) == 1


@pytest.mark.parametrize(("run", "own"), [("abc123", True), ("", True), ("other1", False)])
def test_a_tag_is_that_of_its_run(run: str, own: bool) -> None:
    assert cleaning.tagged(run, [{"Key": "promote-conformance", "Value": "abc123"}]) == own
    assert not cleaning.tagged(run, [{"Key": "team", "Value": "abc123"}])
