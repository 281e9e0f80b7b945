"""A Map Run: one attempt of a Distributed Map, the executions that are its children, and how many are how far."""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import new_uuid, now_iso
from ministack.services import stepfunctions as sfn

RUNNING, SUCCEEDED, FAILED, ABORTED = "RUNNING", "SUCCEEDED", "FAILED", "ABORTED"

# How DescribeMapRun counts children, by their status.
COUNTED = {RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", "TIMED_OUT": "timedOut", ABORTED: "aborted"}

Record = dict[str, Any]
_runs: dict[str, "MapRun"] = {}


@dataclass(frozen=True)
class Limits:
    """How many children run at once (0: as many as can), and how many may fail (None: the state does not say)."""

    max_concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None


@dataclass
class MapRun:
    """The Map Run and its children. A thread that changes or awaits something holds `changed`."""

    record: Record
    execution: Record
    limits: Limits
    children: list[Record] = field(default_factory=list)
    total: int = 0
    failed: int = 0
    active: dict[str, Record] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    def start(cls, execution: Record, label: str, limits: Limits) -> "MapRun":
        """A Map Run that runs, without items yet, known to DescribeMapRun and ListMapRuns."""
        place, _, machine = execution["stateMachineArn"].partition(":stateMachine:")
        name = f"{machine.split(':')[0]}/{label}"
        record = {
            "mapRunArn": f"{place}:mapRun:{name}:{new_uuid()}",
            "executionArn": execution["executionArn"],
            "status": RUNNING,
            "startDate": now_iso(),
            "maxConcurrency": limits.max_concurrency,
            "toleratedFailureCount": limits.tolerated_count or 0,
            "toleratedFailurePercentage": limits.tolerated_percentage or 0.0,
            "redriveCount": 0,
            "_stateMachineArn": f"{place}:stateMachine:{name}",
        }
        run = cls(record, execution, limits)
        sfn._map_runs[record["mapRunArn"]] = record
        _runs[record["mapRunArn"]] = run
        return run

    @property
    def over(self) -> bool:
        return bool(self.record["status"] != RUNNING)

    @property
    def full(self) -> bool:
        """As many children run as may. UpdateMapRun changes the number while they run."""
        return bool(0 < self.record["maxConcurrency"] <= len(self.active))

    @property
    def too_many_failed(self) -> bool:
        """Any failure is one too many, unless the state or UpdateMapRun says what is tolerated."""
        count, percentage = self.record["toleratedFailureCount"], self.record["toleratedFailurePercentage"]
        limits = []
        if self.limits.tolerated_count is not None or count:
            limits.append(self.failed > count)
        if self.limits.tolerated_percentage is not None or percentage:
            limits.append(self.failed * 100 > percentage * self.total)
        return self.failed > 0 and (any(limits) or not limits)

    def start_child(self, data: Any, role_arn: str) -> Record:
        name, timestamp, text = new_uuid(), now_iso(), json.dumps(data)
        machine = self.record["_stateMachineArn"]
        child = {
            "executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
            "stateMachineArn": machine,
            "name": name,
            "status": RUNNING,
            "startDate": timestamp,
            "stopDate": None,
            "input": text,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "mapRunArn": self.record["mapRunArn"],
            "mockAttempts": {},
            "events": [
                {
                    "id": 1,
                    "type": "ExecutionStarted",
                    "timestamp": timestamp,
                    "executionStartedEventDetails": {"input": text, "roleArn": role_arn},
                }
            ],
        }
        with self.changed:
            self.children.append(child)
            self.active[child["executionArn"]] = child
            sfn._executions[child["executionArn"]] = child
        return child

    def end_child(self, child: Record, status: str, event: str, **result: Any) -> None:
        """End a child, unless it has ended already."""
        with self.changed:
            if child["status"] == RUNNING:
                child.update(status=status, stopDate=now_iso(), **result)
                sfn._add_event(child, f"Execution{event}", {f"execution{event}EventDetails": result})
            self.note_end(child)

    def note_end(self, child: Record) -> None:
        """The child was stopped from outside: make room for another."""
        with self.changed:
            if self.active.pop(child["executionArn"], None):
                self.failed += child["status"] != SUCCEEDED
                self.changed.notify_all()

    def close(self, status: str) -> bool:
        """End the Map Run, and with it the children that run. False: it had ended before."""
        with self.changed:
            if self.over:
                return False
            self.record.update(status=status, stopDate=now_iso())
            for child in list(self.active.values()):
                interrupt(child)
                self.end_child(child, ABORTED, "Aborted")
            self.changed.notify_all()
        return True

    def counts(self) -> dict[str, int]:
        """MapRunExecutionCounts, and MapRunItemCounts too: a child has one item."""
        children = Counter(COUNTED[child["status"]] for child in list(self.children))
        counts = {name: children[name] for name in COUNTED.values()}
        pending = self.total - sum(counts.values())
        rest = dict.fromkeys(("resultsWritten", "failuresNotRedrivable", "pendingRedrive"), 0)
        return {"pending": pending, **counts, "total": self.total, **rest}


def view(record: Record) -> Record:
    """What DescribeMapRun adds to the record of a Map Run: how many children are how far, now."""
    run = _runs.get(record["mapRunArn"])
    return {"itemCounts": run.counts(), "executionCounts": run.counts()} if run else {}


def interrupt(execution: Record) -> None:
    """The execution is about to be ended from outside: its Map Runs end before it."""
    for run in list(_runs.values()):
        if run.execution is execution and run.close(ABORTED):
            sfn._add_event(execution, "MapRunAborted")
            sfn._add_event(execution, "MapStateAborted")


def note_end(execution: Record) -> None:
    """The execution has been ended from outside: if it is a Map Run's child, the Map Run goes on without it."""
    run = _runs.get(execution.get("mapRunArn", ""))
    if run:
        run.note_end(execution)
