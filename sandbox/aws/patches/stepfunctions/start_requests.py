"""StartExecution refuses names that are too long or have forbidden characters, and input that is too large or no JSON.

MiniStack accepts any. The error of input that is too large is assumed to be that of a name that is too long.
"""

import functools
import json
import re
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions as sfn

LONGEST_NAME = 80
INPUT_BYTES = 256 * 1024
# API: StartExecution, name.
_FORBIDDEN = re.compile(r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]')
_NO_INPUT = "Invalid execution input."
_EXPECTED = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def apply() -> None:
    start = sfn._start_execution

    @functools.wraps(start)
    def start_valid(data: dict[str, Any]) -> Any:
        if refusal := _refusal(data):
            return error_response_json(*refusal, 400)
        return start(data)

    sfn._start_execution = start_valid


def _refusal(data: dict[str, Any]) -> tuple[str, str] | None:
    """The code and the message of the error, if the request is refused."""
    name, text = data.get("name"), data.get("input", "{}")
    if name is not None:
        if len(name) > LONGEST_NAME:
            return "ValidationException", _too_long(f"Value '{name}' at 'name'", LONGEST_NAME)
        if not name or _FORBIDDEN.search(name):
            return "InvalidName", f"Invalid Name: '{name}'"
    if len(text.encode(errors="surrogatepass")) > INPUT_BYTES:
        return "ValidationException", _too_long("Value at 'input'", INPUT_BYTES)
    problem = _json_problem(text)
    return ("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{problem}'") if problem else None


def _too_long(value: str, most: int) -> str:
    return (
        f"1 validation error detected: {value} failed to satisfy constraint: Member must have length less than or "
        f"equal to {most}"
    )


def _json_problem(text: str) -> str:
    if not text.strip():
        return _NO_INPUT
    try:
        json.loads(text)
    except ValueError:
        return f"Unrecognized token '{text.split(maxsplit=1)[0]}': {_EXPECTED}"
    return ""
