"""The pending faults of a server, in the order in which they were added, and the calls that it records.

Safe to use from the server's threads.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from sandbox.aws.faults.faults import KILLS, Call, Fault, Kind, Layer

_lock = threading.RLock()
_pending: list[Fault] = []
_clearings: Counter[Layer] = Counter()
_calls: list[Call] = []
_injected: list[tuple[Call, Kind]] = []
_done: set[tuple[Fault, Call]] = set()  # of the faults that are injected once into each call
_recording = False
# While this file exists a step asks the server about its calls; otherwise a call only costs a look at the disk.
_switch: Path | None = None


def use_switch_file(file: Path) -> None:
    global _switch  # noqa: PLW0603 - one queue a server
    _switch = file
    clear()


def add(fault: Fault) -> None:
    with _lock:
        _pending.append(fault)
        if fault.layer is Layer.STEP:
            _turn(on=True)


def pending(layer: Layer) -> list[Fault]:
    with _lock:
        return [fault for fault in _pending if fault.layer is layer]


def clear(*layers: Layer) -> None:
    """Drop the pending faults of some layers, or of all; with those of the steps, the recorded calls."""
    global _recording  # noqa: PLW0603 - one queue a server
    cleared = layers or tuple(Layer)
    with _lock:
        _pending[:] = [fault for fault in _pending if fault.layer not in cleared]
        _clearings.update(cleared)
        if Layer.STEP in cleared:
            _recording = False
            for calls in (_calls, _injected, _done):
                calls.clear()
            _turn(on=False)


def take(
    layer: Layer,
    kinds: Collection[Kind],
    operation: str | None,
    *,
    account: str = "",
    resource: str = "",
    bucket: str = "",
    key: str = "",
) -> Fault | None:
    """The first fault of these kinds that applies to a request, used up once."""
    with _lock:
        for fault in _pending:
            if (
                fault.layer is layer
                and fault.kind in kinds
                and fault.matches(operation, account=account, resource=resource, bucket=bucket, key=key)
            ):
                _use_up(fault)
                return fault
    return None


async def hang(layer: Layer, seconds: float) -> None:
    """Return after so many seconds, or as soon as the faults of the layer are cleared."""
    clearings, until = _clearings[layer], time.monotonic() + seconds
    while _clearings[layer] == clearings and (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.05))


def record() -> None:
    """Record every call of the steps from now on."""
    global _recording  # noqa: PLW0603 - one queue a server
    with _lock:
        _recording = True
        _turn(on=True)


def is_on() -> bool:
    """Whether the server wants to know of the steps' calls."""
    return _switch is not None and _switch.exists()


def calls() -> list[Call]:
    with _lock:
        return list(_calls)


def injected() -> list[tuple[Call, Kind]]:
    with _lock:
        return list(_injected)


def take_for_call(call: Call, *, after: bool, can_kill: bool = True) -> Fault | None:
    """The first fault that applies to a step's call before or after its effect, used up once."""
    with _lock:
        if _recording and not after:
            _calls.append(call)
        for fault in _pending:
            if _applies(fault, call, after=after) and (can_kill or fault.kind not in KILLS):
                _use_up(fault)
                _injected.append((call, fault.kind))
                if fault.each:
                    _done.add((fault, call))
                return fault
    return None


def _applies(fault: Fault, call: Call, *, after: bool) -> bool:
    return (
        fault.layer is Layer.STEP
        and fault.kind.is_after is after
        and fault.matches(call.operation, step=call.step, service=call.service)
        and not (fault.each and (fault, call) in _done)
    )


def _use_up(fault: Fault) -> None:
    if fault.times is None:
        return
    position = next(index for index, pending_fault in enumerate(_pending) if pending_fault is fault)
    if fault.times > 1:
        _pending[position] = replace(fault, times=fault.times - 1)
    else:
        del _pending[position]


def _turn(*, on: bool) -> None:
    if _switch is None:
        return
    if on:
        _switch.touch()
    else:
        _switch.unlink(missing_ok=True)
