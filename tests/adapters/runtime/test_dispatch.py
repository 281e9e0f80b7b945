"""A function of several steps runs the one that its event names, and ends a short one that hangs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lambdas.promotion.contract.steps import Step
from lambdas.promotion.runtime.dispatch import dispatch
from tests import PROJECT

HANGING = """
import time
from datetime import timedelta
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.runtime import dispatch
dispatch.SHORT_INVOCATION = timedelta(seconds=0.3)
def hang(event, context):
    time.sleep(event["seconds"])
    return {}
run = dispatch.dispatch({Step.CREATE_MODEL: hang, Step.COMPARE_ENDPOINT: hang})
"""


def answer_of(step: Step) -> Any:
    return lambda event, context: {"ran": step, "event": event, "context": context}


def test_the_event_names_the_step() -> None:
    run = dispatch({step: answer_of(step) for step in (Step.CREATE_MODEL, Step.COMPARE_ENDPOINT)})
    for step in (Step.CREATE_MODEL, Step.COMPARE_ENDPOINT):
        event = {"step": step.value, "promotion": {}}
        assert run(event, "a context") == {"ran": step, "event": event, "context": "a context"}


@pytest.mark.parametrize("event", [{"step": "copy_unit"}, {"step": "no step"}])
def test_a_step_of_another_function_is_refused(event: dict[str, Any]) -> None:
    run = dispatch({Step.CREATE_MODEL: answer_of(Step.CREATE_MODEL)})
    with pytest.raises(ValueError, match=event["step"]):
        run(event, None)


def run_alone(*events: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    code = f"{HANGING}\nfor event in {events!r}:\n    run(event, None)\nprint('ended')"
    return subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_a_short_step_that_hangs_ends_with_its_trace() -> None:
    ended = run_alone({"step": "create_model", "seconds": 60})
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "in hang" in ended.stderr


def test_what_ends_in_time_ends_nothing_after_it() -> None:
    ended = run_alone({"step": "create_model", "seconds": 0}, {"step": "compare_endpoint", "seconds": 0.5})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")
