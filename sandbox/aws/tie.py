"""A server that ends with the process that started it, in whatever way that ends: a test run may be killed.

The starter keeps one end of a pipe open for as long as it lives, and the server reads the other. The kernel closes a
dead process's files, so the server sees the end even of one that was killed, on every system.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import NoReturn

import psutil

# By the sandbox's directory: what keeps its server alive. Programs that are started inherit none of them.
_held: dict[Path, int] = {}


def tie(directory: Path) -> int:
    """Return the end of a pipe for the server to inherit; close it when the server has been started."""
    theirs, _held[directory] = os.pipe()
    return theirs


def untie(directory: Path) -> None:
    """Let go of a server that has ended."""
    held = _held.pop(directory, None)
    if held is not None:
        os.close(held)


def end_with(tied_to: int) -> None:
    """In the server: end, and all that it has started, when no process holds the other end of the pipe any more."""
    os.set_inheritable(tied_to, False)
    threading.Thread(target=_await_end, args=(tied_to,), name="tie", daemon=True).start()


def _await_end(tied_to: int) -> NoReturn:
    os.read(tied_to, 1)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)
