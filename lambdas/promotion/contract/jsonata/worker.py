"""The process that evaluates JSONata expressions, with limits of its own. It runs as a script: see expressions.py.

    python worker.py <folder of the package jsonata> <most MB of memory> <most seconds for a request>

A request is `REQUEST` with an expression and, unless it is only to be read, the JSON text that it is applied to. An
answer is `ANSWER` with one of the letters below and, of an error, its message. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys

# How an answer begins.
READY, TRUE, FALSE, ERROR, MEMORY = b"RTFEM"
# Whether there is a JSON text; the bytes of the expression and of the text.
REQUEST = struct.Struct(">?II")
# The bytes of the answer.
ANSWER = struct.Struct(">H")
LONGEST_MESSAGE = 2000  # characters
_DEEPEST = 200


class _InputEnded(Exception):
    """No request follows."""


def main(package: str, megabytes: str, seconds: str) -> None:
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.append(package)
    import jsonata  # noqa: F401, PLC0415 - only this process needs it

    _limit(int(megabytes))
    _answer(answers, READY)
    try:
        while True:
            has_text, length, text_length = REQUEST.unpack(_read(REQUEST.size))
            # Nobody handles the signal: it ends the process, if the parent is no longer there to end it.
            signal.setitimer(signal.ITIMER_REAL, float(seconds))
            _answer(answers, *_evaluated(length, text_length if has_text else None))
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _InputEnded:
        pass


def _limit(megabytes: int) -> None:
    import resource  # noqa: PLC0415 - not on every system

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # others do not limit it
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20,) * 2)


def _evaluated(length: int, text_length: int | None) -> tuple[int, str]:
    from jsonata import Jsonata  # noqa: PLC0415 - as above

    try:
        expression = Jsonata(_read(length).decode(), stack=_DEEPEST)
        if text_length is None:
            return READY, ""
        document = json.loads(_read(text_length))
        return (TRUE if expression.evaluate(document) is True else FALSE), ""
    except _InputEnded:
        raise
    except MemoryError:
        return MEMORY, ""
    except Exception as error:
        # Beside its own errors the package lets out what Python's functions raise.
        if isinstance(error.__cause__ or error.__context__, MemoryError):
            return MEMORY, ""
        return ERROR, (str(error) or type(error).__name__)[:LONGEST_MESSAGE]


def _answer(answers: int, kind: int, message: str = "") -> None:
    content = bytes([kind]) + message.encode(errors="surrogatepass")
    os.write(answers, ANSWER.pack(len(content)) + content)


def _read(length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        part = os.read(0, min(length - len(content), 2**20))
        if not part:
            raise _InputEnded
        content += part
    return bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
