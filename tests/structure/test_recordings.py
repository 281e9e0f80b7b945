"""The recordings are well formed, read by somebody, and rest on sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate import recordings as page
from recordings import store
from recordings.store import Evidence, UnknownRecording


def test_every_proved_recording_is_read_by_tests_or_by_the_sandbox() -> None:
    readers = page.readers()
    proved = [key for key, entry in store.recordings().items() if entry.evidence is not Evidence.NONE]
    assert [key for key in proved if not readers.get(key)] == []


def test_every_proved_recording_has_a_date_and_public_sources() -> None:
    for key, entry in store.recordings().items():
        if entry.evidence is not Evidence.NONE:
            assert entry.date, key
            assert all(source.startswith("https://") for source in entry.sources), key


def test_an_unknown_key_names_what_its_operation_has() -> None:
    with pytest.raises(UnknownRecording, match="no recording s3/NoSuchOperation/name; its operation has none"):
        store.recording("s3/NoSuchOperation/name")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"evidence": "recording", "response": {"A": 1}}, "needs sources"),
        ({"evidence": "recording", "sources": ["https://example.com"]}, "one of response"),
        ({"evidence": "rumour", "sources": ["https://example.com"], "response": {"A": 1}}, "rumour"),
        ({"evidence": "none", "response": {"A": 1}}, "or evidence: none"),
        ({"evidence": "none", "colour": "red"}, "colour"),
    ],
)
def test_an_entry_that_is_not_as_it_must_be_is_refused(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store._recording("service/Operation/name", {"name": "name", "shows": "Something.", **entry})


def test_the_recordings_use_nothing_of_the_project() -> None:
    folder = Path(store.__file__).parent
    texts = [file.read_text() for file in folder.rglob("*.py")]
    roots = ("lambdas", "stacks", "sandbox", "tests", "docs", "benchmarks", "conformance")
    assert not [root for root in roots for text in texts if f"import {root}" in text or f"from {root}" in text]
