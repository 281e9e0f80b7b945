"""The faults that wait to happen to the steps' calls, and the calls, on the server's side."""

import fnmatch
import threading
from pathlib import Path

from sandbox.aws.faults.process_kills import Call, Fault, Kind, Moment
from sandbox.aws.faults.waiting_faults import FaultQueue

_faults: FaultQueue[Fault] = FaultQueue()
_lock = threading.Lock()
_calls: list[Call] = []
_injected: list[tuple[Call, Kind]] = []
_done: set[tuple[Fault, Call]] = set()  # of the faults that happen once to each call
_recording = False
# While this file is there a step asks the board about its calls, else it costs them a look at the disk.
_switch: Path | None = None

pending = _faults.pending


def use_switch_file(file: Path) -> None:
    global _switch  # noqa: PLW0603 - one board a server
    _switch = file
    clear()


def add(fault: Fault) -> None:
    _faults.add(fault)
    _turn(on=True)


def record() -> None:
    global _recording  # noqa: PLW0603 - one board a server
    _recording = True
    _turn(on=True)


def is_on() -> bool:
    return _switch is not None and _switch.exists()


def clear() -> None:
    global _recording  # noqa: PLW0603 - one board a server
    with _lock:
        _faults.clear()
        _recording = False
        for known in (_calls, _injected, _done):
            known.clear()
    _turn(on=False)


def calls() -> list[Call]:
    with _lock:
        return list(_calls)


def injected() -> list[tuple[Call, Kind]]:
    with _lock:
        return list(_injected)


def take(call: Call, moment: Moment, *, can_kill: bool = True) -> Fault | None:
    """The first fault that applies to the call at this moment, used up once."""
    with _lock:
        if _recording and moment is Moment.BEFORE:
            _calls.append(call)
        fault = _faults.take(lambda one: _applies(one, call, moment) and (can_kill or not one.kind.is_kill))
        if fault:
            _injected.append((call, fault.kind))
            if fault.each:
                _done.add((fault, call))
        return fault


def _applies(fault: Fault, call: Call, moment: Moment) -> bool:
    return (
        fault.kind.moment is moment
        and fnmatch.fnmatchcase(call.step, fault.step)
        and fnmatch.fnmatchcase(call.service, fault.service)
        and fnmatch.fnmatchcase(call.operation, fault.operation)
        and not (fault.each and (fault, call) in _done)
    )


def _turn(*, on: bool) -> None:
    if _switch is None:
        return
    if on:
        _switch.touch()
    else:
        _switch.unlink(missing_ok=True)
