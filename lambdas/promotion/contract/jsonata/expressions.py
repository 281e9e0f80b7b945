"""JSONata expressions over an answer's JSON: read when the app is synthesised, evaluated in the smoke test.

docs/decisions/0015: the package, its bounds and what it costs. It knows neither files nor the network, but an
expression, which may also be a regular expression, can take hours and gigabytes. So it is evaluated in a process that
has a limit for its memory, and that is killed after some seconds.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lambdas.promotion.contract.jsonata import worker

SECONDS = 2.0
# An answer of 6 MB, the most that there is (API: InvokeEndpoint), makes the process 180 MB large.
MEGABYTES = 512
# To start Python, on a machine that is busy.
_START_SECONDS = 20.0
_WORKER = Path(worker.__file__)


class BadExpression(ValueError):
    """The text is no JSONata, or it cannot be applied to this answer; the message says why."""


class TooCostly(BadExpression):
    """The evaluation did not end in time, or needed too much memory."""


class Evaluator:
    """Evaluates expressions in a process of its own, from the first one until the end of a `with` block.

    One thread may use it at a time.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def require_readable(self, expression: str) -> None:
        """Raise BadExpression unless it is JSONata."""
        self._ask(expression, None)

    def is_true(self, expression: str, text: bytes) -> bool:
        """Say whether the expression is exactly true for a JSON text. Raises BadExpression."""
        return self._ask(expression, text) == worker.TRUE

    def close(self) -> None:
        """End the process, and wait for its end."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _ask(self, expression: str, text: bytes | None) -> int:
        """Return how the answer begins."""
        content = expression.encode(errors="surrogatepass")
        request = worker.REQUEST.pack(text is not None, len(content), len(text or b""))
        process = self._process or self._start()
        answer = self._exchange(process, (request, content, text or b""), seconds=SECONDS)
        kind, message = answer[0], answer[1:].decode(errors="surrogatepass")
        if kind == worker.MEMORY:
            self.close()  # what is left of the memory may be too little for the next one
            raise TooCostly(f"it needs more than {MEGABYTES} MB of memory")
        if kind == worker.ERROR:
            raise BadExpression(message)
        return kind

    def _start(self) -> subprocess.Popen[bytes]:
        arguments = [_folder_of("jsonata"), str(MEGABYTES), str(SECONDS + 1)]
        self._process = subprocess.Popen(  # noqa: S603 - Python, and a file of this package
            [sys.executable, "-I", "-S", str(_WORKER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # No credentials; but Lambda's Python may find its libraries by this.
            env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
        )
        self._exchange(self._process, (), seconds=_START_SECONDS, late="the process that evaluates it did not start")
        return self._process

    def _exchange(
        self,
        process: subprocess.Popen[bytes],
        parts: tuple[bytes, ...],
        *,
        seconds: float,
        late: str = "it did not end",
    ) -> bytes:
        """Send a request and return its answer, which has at least a byte. Raises TooCostly if there is none."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            answer = _answer(process, parts)
        finally:
            timer.cancel()
            timer.join()
        if expired.is_set() or not answer:
            self.close()
        if answer:
            return answer
        if expired.is_set():
            raise TooCostly(f"{late} within {seconds:g} seconds")
        raise TooCostly(f"it ended the process that evaluated it, which may have {MEGABYTES} MB of memory")


def require_readable(expression: str) -> None:
    """Raise BadExpression unless it is JSONata. All calls share a process, until this one ends."""
    _shared().require_readable(expression)


@functools.cache
def _shared() -> Evaluator:
    evaluator = Evaluator()
    atexit.register(evaluator.close)
    return evaluator


def _folder_of(package: str) -> str:
    spec = importlib.util.find_spec(package)
    return str(Path(spec.origin).parents[1]) if spec and spec.origin else ""


def _answer(process: subprocess.Popen[bytes], parts: tuple[bytes, ...]) -> bytes:
    """Return the answer, or nothing if the process has ended."""
    if not (process.stdin and process.stdout):
        return b""
    try:
        for part in parts:
            process.stdin.write(part)
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    size = _read(process.stdout, worker.ANSWER.size)
    return _read(process.stdout, worker.ANSWER.unpack(size)[0]) if size else b""


def _read(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    return content if len(content) == length else b""
