"""Step Functions as the benchmark interprets it: what it refuses, what it counts, and how long it takes."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.promotion.interpreter.errors import StateFailed, Unsupported
from tests.benchmarks.promotion.conftest import Bench

END = {"Done": {"Type": "Succeed"}}


def task(resource: str = "work", **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Next": "Done", **fields}


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Parallel", "Branches": [], "End": True},
        task(Assign={"a": 1}),
        task(Credentials={}),
        {
            "Type": "Map",
            "ItemProcessor": {"StartAt": "a", "States": {"a": {"Type": "Parallel"}}},
            "End": True,
        },
    ],
)
def test_what_is_not_interpreted_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Bench({"work": lambda _: None}).run({"Begin": state, **END})


def test_each_state_that_is_entered_is_a_transition_and_has_its_events() -> None:
    states = {
        "Ask": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.go %}", "Next": "Work"}],
            "Default": "Done",
        },
        "Work": task(Arguments={"twice": "{% $states.input.number * 2 %}"}, Output="{% $states.result %}", Next="Wait"),
        "Wait": {"Type": "Wait", "Seconds": "{% $states.input %}", "Next": "Done"},
        **END,
    }
    bench = Bench({"work": lambda arguments: arguments["twice"]})
    outcome, execution = bench.run(states, {"go": True, "number": 5})
    assert (outcome.status, outcome.terminal, outcome.output) == ("SUCCEEDED", "Done", 10)
    assert execution.counts.transitions == 4
    # The execution's two, two for each state, and three of the task.
    assert execution.counts.events == 2 + 4 * 2 + 3
    assert bench.clock.now == pytest.approx(4 * 0.25 + 0.5 + 10)


def test_a_retry_is_a_transition_and_waits_longer_each_time() -> None:
    attempts: list[float] = []
    bench = Bench()

    def work(_: Any) -> None:
        attempts.append(bench.clock.now)
        if len(attempts) < 3:
            raise StateFailed("Throttled")

    bench.tasks["work"] = work
    retry = [{"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 2}]
    outcome, execution = bench.run({"Work": task(Retry=retry), **END})
    assert outcome.status == "SUCCEEDED"
    assert execution.counts.transitions == 2 + 2
    assert [later - earlier for earlier, later in pairwise(attempts)] == [2.5, 4.5]


def test_an_error_leads_to_the_first_catcher_that_names_it() -> None:
    def work(_: Any) -> None:
        raise StateFailed("LockLost", "taken over")

    catch = [
        {"ErrorEquals": ["Throttled"], "Next": "Done"},
        {"ErrorEquals": ["States.ALL"], "Output": "{% {'failed': $states.errorOutput} %}", "Next": "Failed"},
    ]
    failed = {"Type": "Fail", "Error": "{% $states.input.failed.Error %}", "Cause": "{% $states.input.failed.Cause %}"}
    outcome, _ = Bench({"work": work}).run({"Work": task(Catch=catch), "Failed": failed, **END})
    assert (outcome.status, outcome.terminal, outcome.error, outcome.cause) == (
        "FAILED",
        "Failed",
        "LockLost",
        "taken over",
    )


@pytest.mark.parametrize(
    ("output", "status"), [("{% $states.input.a %}", "FAILED"), ("{% $states.input.b %}", "SUCCEEDED")]
)
def test_an_expression_without_a_value_fails_the_state_and_null_is_a_value(output: str, status: str) -> None:
    outcome, _ = Bench().run({"Begin": {"Type": "Pass", "Output": output, "End": True}}, {"b": None})
    assert outcome.status == status


def a_map(mode: str, **fields: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": mode},
        "StartAt": "Work",
        "States": {"Work": {**task(Output="{% $states.input %}"), "End": True, "Next": None}},
    }
    del processor["States"]["Work"]["Next"]  # type: ignore[index]
    return {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 2, "Next": "Done", **fields}


def test_the_items_of_a_map_run_several_at_once_in_the_execution_itself() -> None:
    bench = Bench({"work": lambda _: time.sleep(10)})
    items = a_map("INLINE", Items="{% [1, 2, 3] %}", Output="{% $states.result %}")
    outcome, execution = bench.run({"All": items, **END})
    assert outcome.output == [1, 2, 3]
    assert bench.clock.now == pytest.approx(0.25 + 2 * (0.25 + 0.5 + 10) + 0.25)
    assert execution.counts.transitions == 2 + 3
    # The map's own two; of each item its start and end, its state's two and its task's three.
    assert execution.counts.events == 2 + 2 * 2 + 2 + 3 * (2 + 2 + 3)


def test_each_child_of_a_distributed_map_is_one_transition_more_and_has_its_own_history() -> None:
    bench = Bench({"work": lambda _: time.sleep(10)}, items=[1, 2, 3])
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {}}
    outcome, execution = bench.run({"All": a_map("DISTRIBUTED", ItemReader=reader), **END})
    assert outcome.status == "SUCCEEDED"
    assert execution.counts.transitions == 2 + 3 * 2
    assert execution.counts.events == 2 + 2 * 2 + 4
    assert bench.clock.now == pytest.approx(0.25 + 2.0 + 2 * (0.5 + 0.25 + 0.5 + 10) + 0.25)


def test_a_task_waits_for_its_callback() -> None:
    bench = Bench()

    def work(arguments: Any) -> None:
        parameters = {"taskToken": arguments["token"], "output": '{"status": "InService"}'}

        def answer() -> None:
            time.sleep(100)
            bench.tokens.answered("SendTaskSuccess", parameters)

        threading.Thread(target=answer).start()

    bench.tasks["work"] = work
    arguments = {"token": "{% $states.context.Task.Token %}"}
    waiting = task(
        "work.waitForTaskToken", Arguments=arguments, Output="{% $states.result.status %}", TimeoutSeconds=300
    )
    outcome, _ = bench.run({"Wait": waiting, **END})
    assert outcome.output == "InService"
    assert bench.clock.now == pytest.approx(0.25 + 0.5 + 100 + 0.25)


def test_a_callback_that_does_not_come_is_a_timeout() -> None:
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    waiting = task("work.waitForTaskToken", TimeoutSeconds=300, Catch=catch)
    bench = Bench({"work": lambda _: None})
    outcome, _ = bench.run({"Wait": waiting, "Late": {"Type": "Succeed"}, **END})
    assert (outcome.status, outcome.terminal) == ("SUCCEEDED", "Late")
    assert bench.clock.now == pytest.approx(0.25 + 0.5 + 300 + 0.25)
