"""One execution of a state machine, in virtual time: its outcome, and what Step Functions counts of it.

It knows what the definition uses, by the Amazon States Language with JSONata. Whatever else a state has is refused, so
that a definition with something new is not measured as if it had it not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.copy.simulation.virtual_time import EPOCH
from benchmarks.promotion.interpreter import maps
from benchmarks.promotion.interpreter.errors import StateFailed, Unsupported, matches
from benchmarks.promotion.interpreter.expressions import ExpressionFailed, evaluated
from benchmarks.promotion.interpreter.platform import Counts, Platform
from benchmarks.promotion.timeline import Visit

State = dict[str, Any]
_CALLBACK = ".waitForTaskToken"
_USUAL = {"Type", "Next", "End", "Output", "Comment", "QueryLanguage"}
# The fields of each type that are interpreted.
_FIELDS = {
    "Task": {"Resource", "Arguments", "Retry", "Catch", "TimeoutSeconds", "HeartbeatSeconds"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Timestamp"},
    "Pass": set(),
    "Map": {
        *("Items", "ItemReader", "ItemSelector", "ItemProcessor", "MaxConcurrency", "Label", "Retry", "Catch"),
    },
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}


@dataclass(frozen=True)
class Outcome:
    """How an execution ended. `terminal`: its last state."""

    status: str
    terminal: str
    output: Any = None
    error: str = ""
    cause: str = ""


@dataclass
class Execution:
    """An execution: `run` it once."""

    definition: State
    platform: Platform
    arn: str
    counts: Counts = field(default_factory=Counts)

    def run(self, data: Any) -> Outcome:
        """Run it to its end, from the moment at which StartExecution has answered."""
        require_supported(self.definition)
        context = {
            "Execution": {"Id": self.arn, "Name": self.arn.rpartition(":")[2], "StartTime": self.now(), "Input": data},
            "StateMachine": {"Name": self.arn.split(":")[-2]},
        }
        last: list[str] = []
        try:
            output = self.walk(self.definition, data, context, entered=last.append)
        except StateFailed as failure:
            self.counts.events += 1
            return Outcome("FAILED", last[-1], error=failure.error, cause=failure.cause)
        self.counts.events += 1
        return Outcome("SUCCEEDED", last[-1], output=output)

    def now(self) -> str:
        return datetime.fromtimestamp(EPOCH + self.platform.clock.now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def walk(
        self,
        machine: State,
        data: Any,
        context: State,
        *,
        entered: Callable[[str], None] | None = None,
        counts: Counts | None = None,
    ) -> Any:
        """Run states from StartAt to an end and return the output. Raises StateFailed.

        `entered`: called with the name of each state of the execution itself. `counts`: those of a child.
        """
        name: str | None = machine["StartAt"]
        counts = counts or self.counts
        while name is not None:
            state, begin = machine["States"][name], self.platform.clock.now
            if entered:
                entered(name)
            counts.transitions += 1
            counts.events += 1 if state["Type"] == "Fail" else 2
            self.platform.clock.sleep(self.platform.times.transition)
            here = {**context, "State": {"Name": name, "EnteredTime": self.now(), "RetryCount": 0}}
            try:
                data, following = self._run_with_catch(state, data, here, counts)
            finally:
                if entered:
                    self.platform.timeline.visits.append(Visit(name, begin, self.platform.clock.now))
            name = following
        return data

    def _run_with_catch(self, state: State, data: Any, context: State, counts: Counts) -> tuple[Any, str | None]:
        try:
            return self._run_with_retries(state, data, context, counts)
        except StateFailed as failure:
            for catcher in state.get("Catch", []):
                if matches(catcher, failure):
                    states = {"input": data, "errorOutput": failure.output, "context": context}
                    return evaluated(catcher.get("Output", failure.output), states), catcher["Next"]
            raise

    def _run_with_retries(self, state: State, data: Any, context: State, counts: Counts) -> tuple[Any, str | None]:
        retries = [0] * len(state.get("Retry", []))
        while True:
            try:
                return self._run(state, data, context, counts)
            except StateFailed as failure:
                number = next((n for n, each in enumerate(state.get("Retry", [])) if matches(each, failure)), None)
                if number is None or retries[number] >= state["Retry"][number].get("MaxAttempts", 3):
                    raise
                self.platform.clock.sleep(_delay(state["Retry"][number], retries[number]))
                retries[number] += 1
                context["State"]["RetryCount"] += 1
                counts.transitions += 1

    def _run(self, state: State, data: Any, context: State, counts: Counts) -> tuple[Any, str | None]:
        states: State = {"input": data, "context": context}
        try:
            match state["Type"]:
                case "Choice":
                    return self._choose(state, data, states)
                case "Wait":
                    self._wait(state, states)
                case "Task":
                    states["result"] = self._call(state, states, counts)
                case "Map":
                    states["result"] = maps.run(self, state, states, counts)
                case "Fail":
                    named = {name: evaluated(state.get(name, ""), states) for name in ("Error", "Cause")}
                    raise StateFailed(named["Error"], named["Cause"])
            output = states.get("result", data)
            if "Output" in state:
                output = evaluated(state["Output"], states)
        except ExpressionFailed as error:
            raise StateFailed("States.QueryEvaluationError", str(error)) from error
        return output, state.get("Next")

    def _choose(self, state: State, data: Any, states: State) -> tuple[Any, str]:
        for choice in state["Choices"]:
            if evaluated(choice["Condition"], states) is True:
                return evaluated(choice["Output"], states) if "Output" in choice else data, choice["Next"]
        if "Default" not in state:
            raise StateFailed("States.NoChoiceMatched")
        return evaluated(state["Output"], states) if "Output" in state else data, state["Default"]

    def _wait(self, state: State, states: State) -> None:
        if "Seconds" in state:
            self.platform.clock.sleep(float(evaluated(state["Seconds"], states)))
            return
        until = datetime.fromisoformat(evaluated(state["Timestamp"], states)).timestamp()
        self.platform.clock.sleep(until - EPOCH - self.platform.clock.now)

    def _call(self, state: State, states: State, counts: Counts) -> Any:
        counts.events += 3  # scheduled, started, ended
        self.platform.clock.sleep(self.platform.times.task)
        resource = state["Resource"].removeprefix("arn:aws:states:::")
        seconds = state.get("TimeoutSeconds")
        timeout = float(evaluated(seconds, states)) if seconds is not None else None
        if not resource.endswith(_CALLBACK):
            arguments = evaluated(state.get("Arguments", {}), states)
            return self.platform.integrations.call(resource, arguments, timeout)
        counts.events += 1  # submitted
        token, callback = self.platform.tokens.issue()
        states["context"]["Task"] = {"Token": token}
        begin = self.platform.clock.now
        self.platform.integrations.call(
            resource.removesuffix(_CALLBACK), evaluated(state.get("Arguments", {}), states), timeout
        )
        left = None if timeout is None else timeout - (self.platform.clock.now - begin)
        result, failure = callback.wait(left)
        if failure:
            raise StateFailed(*failure)
        return result


def require_supported(machine: State) -> None:
    """Raise Unsupported if some state has a type or a field that is not interpreted."""
    if machine.get("QueryLanguage", "JSONata") != "JSONata":
        raise Unsupported("Only JSONata is interpreted.")
    for name, state in machine["States"].items():
        fields = _FIELDS.get(state["Type"])
        if fields is None:
            raise Unsupported(f"The state {name!r} is of the type {state['Type']}.")
        if unknown := sorted(set(state) - fields - _USUAL):
            raise Unsupported(f"The state {name!r} has {', '.join(unknown)}.")
        if "ItemProcessor" in state:
            require_supported({"States": state["ItemProcessor"]["States"]})


def _delay(retrier: State, attempt: int) -> float:
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempt
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311 - no secret
