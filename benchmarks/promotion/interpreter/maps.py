"""A Map: its items one after the other or several at once, in the execution itself or in children of it."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from benchmarks.promotion.interpreter.errors import StateFailed
from benchmarks.promotion.interpreter.expressions import evaluated
from benchmarks.promotion.interpreter.platform import Counts, Walker

# AWS: "Using Map state in Inline mode", "in Distributed mode".
_MOST_AT_ONCE = {"INLINE": 40, "DISTRIBUTED": 10_000}


def run(execution: Walker, state: dict[str, Any], states: dict[str, Any], counts: Counts) -> list[Any]:
    """Return the outputs in the order of the items. Raises StateFailed."""
    processor = state["ItemProcessor"]
    mode = processor.get("ProcessorConfig", {}).get("Mode", "INLINE")
    if mode == "INLINE":
        items = evaluated(state["Items"], states) if "Items" in state else states["input"]
        counts.events += 2  # started, ended
    else:
        items = _items(execution, state, states)
        counts.events += 4  # and the Map Run's
    most = int(evaluated(state.get("MaxConcurrency", 0), states)) or _MOST_AT_ONCE[mode]
    return _Run(execution, state, states, counts, distributed=mode == "DISTRIBUTED").all(items, at_once=most)


def _items(execution: Walker, state: dict[str, Any], states: dict[str, Any]) -> list[Any]:
    platform = execution.platform
    platform.clock.sleep(platform.times.speeds.map_start)
    if "Items" in state:
        items: list[Any] = evaluated(state["Items"], states)
        return items
    reader = state["ItemReader"]
    return platform.integrations.read_items(
        reader["Resource"].removeprefix("arn:aws:states:::"), evaluated(reader["Arguments"], states)
    )


class _Run:
    """The iterations of one Map, or the children of one Map Run."""

    def __init__(
        self,
        execution: Walker,
        state: dict[str, Any],
        states: dict[str, Any],
        counts: Counts,
        *,
        distributed: bool,
    ) -> None:
        self._execution, self._state, self._states, self._counts = execution, state, states, counts
        self._distributed = distributed
        self._failures: list[StateFailed] = []
        self._others: list[BaseException] = []

    def all(self, items: list[Any], *, at_once: int) -> list[Any]:
        results: list[Any] = [None] * len(items)
        left = deque(enumerate(items))

        def one_after_the_other(slot: int) -> None:
            if self._distributed:
                self._execution.platform.clock.sleep(slot / self._execution.platform.times.speeds.children_per_second)
            while left and not self._failures and not self._others:
                index, item = left.popleft()
                try:
                    results[index] = self._run(index, item)
                except StateFailed as failure:
                    self._failures.append(failure)
                except BaseException as error:
                    self._others.append(error)

        threads = [
            threading.Thread(target=one_after_the_other, args=(slot,)) for slot in range(min(at_once, len(items)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._others:
            raise self._others[0]
        if self._failures and self._distributed:
            raise StateFailed("States.ExceedToleratedFailureThreshold", self._failures[0].cause)
        if self._failures:
            raise self._failures[0]
        return results

    def _run(self, index: int, item: Any) -> Any:
        context = {**self._states["context"], "Map": {"Item": {"Index": index, "Value": item}}}
        selected = evaluated(self._state.get("ItemSelector", item), {**self._states, "context": context})
        processor = {"StartAt": self._state["ItemProcessor"]["StartAt"]} | self._state["ItemProcessor"]
        if not self._distributed:
            self._counts.events += 2  # the iteration's start and end
            return self._execution.walk(processor, selected, context, counts=self._counts)
        platform = self._execution.platform
        platform.clock.sleep(platform.times.speeds.child_start)
        own = type(self._counts)()
        try:
            return self._execution.walk(processor, selected, context, counts=own)
        finally:
            self._counts.transitions += 1 + own.transitions
