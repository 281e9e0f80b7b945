"""Each entry of conformance/requests provokes a recording with requests that the SDK knows."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import botocore.session
import pytest

from conformance import recorded
from conformance.outcomes import CannotRun
from conformance.recorded import Entry, Replay
from conformance.resources import RESOURCES
from recordings import store
from recordings.store import Evidence

ENTRIES = list(recorded.entries())
CONTROL = {"operation", "service", "save", "until", "as"}


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.recording)
def test_an_entry_compares_a_recorded_answer_with_requests_of_the_api(entry: Entry) -> None:
    assert store.recording(entry.recording).evidence is not Evidence.NONE
    assert set(entry.needs) <= set(RESOURCES)
    assert entry.compared
    for step in entry.steps:
        operation = model(step.get("service", entry.service)).operation_model(step["operation"])
        assert set(step) - CONTROL <= set(operation.input_shape.members)


def test_no_recording_is_provoked_twice() -> None:
    assert [key for key, count in Counter(entry.recording for entry in ENTRIES).items() if count > 1] == []


def test_a_sequence_s_answers_are_those_of_its_requests() -> None:
    for entry in ENTRIES:
        requests = store.recording(entry.recording).requests
        for number, answer in entry.compared.items():
            if requests:
                assert answer["request"]["operation"] == entry.steps[number]["operation"], entry.recording


class FakeClient:
    """Answers the calls in their order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.calls.append(parameters)
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


# Not their keys: docs/reference/recordings.md lists who reads a recording.
MISSING, RAISES = (
    next(entry.recording for entry in ENTRIES if entry.recording.endswith(name))
    for name in ("/missing-model", "/handler-raises")
)


def replay(client: FakeClient, *steps: dict[str, Any], recording: str = MISSING, **values: str) -> Any:
    return Replay(Entry(recording=recording, steps=steps), lambda _: client, dict(values)).run()


def test_values_of_earlier_answers_stand_in_later_requests() -> None:
    client = FakeClient({"Id": {"Inner": "u1"}}, {}, store.error(MISSING))
    steps: list[dict[str, Any]] = [
        {"operation": "CreateModel", "save": {"upload": "Id.Inner"}},
        {"operation": "CreateModel", "Id": "${upload}", "Key": "a/${name}", "Long": {"repeat": ["x", 3]}},
        {"operation": "DescribeModel", "List": [{"Body": {"zeros": 2}}]},
    ]
    assert replay(client, *steps, name="n").differences == []
    assert client.calls[1] == {"Id": "u1", "Key": "a/n", "Long": "xxx"}
    assert client.calls[2] == {"List": [{"Body": b"\0\0"}]}


def test_a_call_is_repeated_until_a_field_has_another_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.recorded.time.sleep", lambda _: None)
    client = FakeClient({"status": "RUNNING"}, {"status": "RUNNING"}, {"status": "DONE"}, store.error(MISSING))
    replay(client, {"operation": "DescribeModel", "until": {"status": "RUNNING"}}, {"operation": "DescribeModel"})
    assert len(client.calls) == 4


def test_an_error_before_the_question_proves_nothing() -> None:
    with pytest.raises(CannotRun, match="CreateModel before it: ValidationException"):
        replay(FakeClient(store.error(MISSING)), {"operation": "CreateModel"}, {"operation": "DescribeModel"})


def test_an_answer_without_the_recorded_error_is_different() -> None:
    (difference,) = replay(FakeClient({}), {"operation": "DescribeModel"}).differences
    assert difference == "ValidationException expected, answered without an error"


def test_an_error_in_place_of_the_recorded_response_is_different() -> None:
    outcome = replay(FakeClient(store.error(MISSING)), {"operation": "Invoke"}, recording=RAISES)
    assert outcome.differences[0].startswith("a response expected, ValidationException")


def test_an_unknown_value_is_named() -> None:
    with pytest.raises(CannotRun, match=r"nothing stands for \$\{role\}"):
        replay(FakeClient(), {"operation": "DescribeModel", "ModelName": "${role}"})
