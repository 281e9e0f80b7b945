"""Ask AWS again what was recorded: requests/<service>.yaml says how each recording is provoked.

An entry, in YAML:

- `recording`: its key; `needs`: the resources that it uses (resources.py).
- `steps`: the calls in their order, each with `operation` and its parameters, as in a recording's `requests`. The last
  step is compared with the recording, or those with `as`: a number in the recording's `requests`. Every other step must
  succeed. `service` names another service than the recording's; `save` keeps values of an answer (`name: Path.Inner`);
  `until` repeats the call until a field (`Path.Inner`) has another value than the given one.
- `values`: fields whose values must be equal too; `ignore`: fields that are not compared, each with all below it.
- `names`: texts of the recorded message, and what stands in their place here.
- `sandbox`: why the local AWS cannot answer it.

`${name}` in a text stands for a value of the run, of a resource or of an earlier step; `{repeat: [text, times]}` for a
long text, and `{zeros: bytes}` for content.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from conformance.checks import Check
from conformance.comparison import error_differences, response_differences
from conformance.outcomes import CannotRun, Outcome
from conformance.world import World
from recordings import store
from recordings.store import Recording

FOLDER = Path(__file__).parent / "requests"
_VALUE = re.compile(r"\$\{(\w+)\}")
_CONTROL = ("operation", "service", "save", "until", "as")
_POLL_SECONDS, _LONGEST_SECONDS = 0.3, 90.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How one recording is provoked."""

    recording: str
    steps: Sequence[Mapping[str, Any]]
    needs: Sequence[str] = ()
    values: Sequence[str] = ()
    ignore: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = ""

    @property
    def service(self) -> str:
        return self.recording.partition("/")[0]

    @property
    def compared(self) -> Mapping[int, Mapping[str, Any]]:
        """The steps that are compared, by their number, each with the recorded answer."""
        recorded = store.recording(self.recording)
        if not recorded.requests:
            return {len(self.steps) - 1: {"response": recorded.response, "error": recorded.error}}
        return {number: recorded.requests[step["as"]] for number, step in enumerate(self.steps) if "as" in step}


@dataclass
class Replay:
    """The steps of an entry, one after the other. `client` returns a client of a service."""

    entry: Entry
    client: Any
    values: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Outcome:
        """Compare each answer with the recorded one. Raises CannotRun when a step before it fails."""
        expected, answered, differences = [], [], list[str]()
        recorded = store.recording(self.entry.recording)
        for number, step in enumerate(self.entry.steps):
            answer = self._ask(step)
            if number not in self.entry.compared:
                self._require(step, answer)
                continue
            wanted = self.entry.compared[number]
            expected.append(wanted.get("error") or wanted.get("response"))
            answered.append(answer.get("error") or answer.get("response"))
            differences += self._differences(recorded, wanted, answer)
        return Outcome(expected=_only(expected), answered=_only(answered), differences=differences)

    def _ask(self, step: Mapping[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + _LONGEST_SECONDS
        answer = self._call(step)
        for path, value in step.get("until", {}).items():
            while _at(answer.get("response", {}), path) == value and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                answer = self._call(step)
        for name, path in step.get("save", {}).items():
            self.values[name] = _at(answer.get("response", {}), path)
        return answer

    def _call(self, step: Mapping[str, Any]) -> dict[str, Any]:
        operation = step["operation"]
        parameters = {name: self._filled(value) for name, value in step.items() if name not in _CONTROL}
        client = self.client(step.get("service", self.entry.service))
        try:
            return {"response": _read(getattr(client, xform_name(operation))(**parameters))}
        except ClientError as error:
            return {"error": error_of(error)}
        except BotoCoreError as error:
            raise CannotRun(f"{operation}: {error}") from error

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            whole = _VALUE.fullmatch(value)
            return self._value(whole[1]) if whole else _VALUE.sub(lambda match: str(self._value(match[1])), value)
        if isinstance(value, Mapping):
            if set(value) == {"repeat"}:
                return value["repeat"][0] * value["repeat"][1]
            if set(value) == {"zeros"}:
                return bytes(value["zeros"])
            return {name: self._filled(item) for name, item in value.items()}
        return [self._filled(item) for item in value] if isinstance(value, list) else value

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise CannotRun(f"nothing stands for ${{{name}}} in the requests of {self.entry.recording}")
        return self.values[name]

    def _differences(self, recorded: Recording, wanted: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[str]:
        if wanted.get("error"):
            if "error" not in answer:
                return [f"{wanted['error'].get('code')} expected, answered without an error"]
            return error_differences(self._renamed(wanted["error"]), answer["error"], partial=recorded.partial)
        if "error" in answer:
            return [f"a response expected, {answer['error']['code']}: {answer['error']['message']} answered"]
        return response_differences(
            wanted["response"],
            answer["response"],
            partial=recorded.partial,
            values=self.entry.values,
            ignored=self.entry.ignore,
        )

    def _renamed(self, error: Mapping[str, Any]) -> Mapping[str, Any]:
        message = error.get("message")
        for old, new in self.entry.names.items():
            message = str(message).replace(old, self._filled(new))
        return {**error, "message": message}

    @staticmethod
    def _require(step: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if error := answer.get("error"):
            raise CannotRun(f"{step['operation']} before it: {error['code']}: {error['message']}")


def entries() -> Iterator[Entry]:
    """Yield how each recording is provoked. Raises ValueError for an entry that is not as it must be."""
    for file in sorted(FOLDER.glob("*.yaml")):
        for fields in yaml.safe_load(file.read_text()):
            try:
                yield Entry(**fields)
            except TypeError as error:
                raise ValueError(f"{file.name}: {fields.get('recording')}: {error}") from error


def checks() -> list[Check]:
    """Return a check for each recording that can be provoked."""
    return [_check(entry) for entry in entries()]


def replay(entry: Entry, world: World) -> Outcome:
    """Make the requests of an entry in an account. Raises CannotRun."""
    return Replay(entry, world.client, world.values(entry.needs)).run()


def error_of(error: ClientError) -> dict[str, Any]:
    """Return an error in the form of a recording's."""
    body: dict[str, Any] = dict(error.response["Error"])
    members = {name: value for name, value in error.response.items() if name not in ("Error", "ResponseMetadata")}
    return {
        "code": body.pop("Code", ""),
        "message": body.pop("Message", ""),
        "status": error.response["ResponseMetadata"].get("HTTPStatusCode"),
        "members": {**members, **body},
    }


def _check(entry: Entry) -> Check:
    recorded = store.recording(entry.recording)
    return Check(
        id=f"recording:{entry.recording}",
        proves=recorded.shows,
        asks=[step["operation"] for step in entry.steps],
        needs=entry.needs,
        run=lambda world: replay(entry, world),
        sandbox=entry.sandbox,
    )


def _read(response: dict[str, Any]) -> dict[str, Any]:
    """A response with its stream as text: the recordings have it so."""
    return {
        name: value.read().decode(errors="replace") if isinstance(value, StreamingBody) else value
        for name, value in response.items()
    }


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else (value or {}).get(name)
    return value


def _only(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
