"""Read the recordings. A key is `service/Operation/name`: a folder, a file and an entry in it.

An entry of a file, in YAML:

- `name`: unique in the file; `shows`: one sentence.
- `evidence`: see `Evidence`; `sources`: addresses; `date`: when it was observed, as exactly as known.
- what was answered, one of: `response` (as boto3 parses it), `error` (`code`, `message`, `status`), `event`, and
  `requests`, a sequence of `request` with its `response` or `error`. An entry without evidence has none of them.
- `partial`: the source shows a part of the answer only.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

FOLDER = Path(__file__).parent
# libyaml's, where PyYAML was built with it: ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ANSWERS = ("response", "error", "event", "requests")


class Evidence(enum.StrEnum):
    """How well a fact is proved, the best first."""

    RECORDING = "recording"  # an answer of AWS that somebody published
    DOCUMENTATION = "documentation"  # AWS's own example or statement
    CODE = "code"  # public code or tests that run against AWS and depend on it
    INFERRED = "inferred"  # from the sources that are named
    UNCITED = "uncited"  # an answer of AWS in a public file whose address is not known
    NONE = "none"  # nothing was found


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One answer of AWS. `requests` holds a sequence, each with its `request` and its `response` or `error`."""

    key: str
    shows: str
    evidence: Evidence
    sources: tuple[str, ...] = ()
    date: str = ""
    partial: bool = False
    response: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    requests: tuple[Mapping[str, Any], ...] = ()

    @property
    def operation(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]


class UnknownRecording(KeyError):
    """No entry has this key; the message lists the entries of its operation."""


@cache
def recordings() -> Mapping[str, Recording]:
    """Return every recording by its key. Raises ValueError with the file and the entry if one is not as it must be."""
    entries: dict[str, Recording] = {}
    for file in sorted(FOLDER.rglob("*.yaml")):
        for entry in yaml.load(file.read_text(), Loader=_LOADER):  # noqa: S506 - a safe one
            operation = file.relative_to(FOLDER).with_suffix("").as_posix()
            recording = _recording(f"{operation}/{entry.get('name')}", entry)
            if recording.key in entries:
                raise ValueError(f"recordings: {recording.key} stands twice in {file.name}; give each its own name")
            entries[recording.key] = recording
    return entries


def recording(key: str) -> Recording:
    """Return one recording. Raises UnknownRecording."""
    try:
        return recordings()[key]
    except KeyError:
        siblings = [entry.name for entry in of_operation(key.rpartition("/")[0])]
        raise UnknownRecording(f"no recording {key}; its operation has {', '.join(siblings) or 'none'}") from None


def of_operation(operation: str) -> Iterator[Recording]:
    """Yield the recordings of `service/Operation`."""
    return (entry for entry in recordings().values() if entry.operation == operation)


def response(key: str, **changes: Any) -> dict[str, Any]:
    """Return a copy of a response, in which `changes` replace or (None) remove fields."""
    fields = {**copy.deepcopy(dict(recording(key).response)), **changes}
    return {name: value for name, value in fields.items() if value is not None}


def error(key: str, **names: str) -> ClientError:
    """Return an error as botocore raises it. `names`: texts of its message, and what takes their place."""
    entry = recording(key)
    message = str(entry.error["message"])
    for old, new in names.items():
        message = message.replace(old, new)
    return ClientError(
        {
            "Error": {"Code": str(entry.error["code"]), "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": int(entry.error.get("status", 400))},  # type: ignore[typeddict-item]
        },
        entry.operation.rpartition("/")[2],
    )


def event(key: str) -> dict[str, Any]:
    """Return a copy of an event."""
    return copy.deepcopy(dict(recording(key).event))


def _recording(key: str, entry: Mapping[str, Any]) -> Recording:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    fields.pop("name", None)
    try:
        evidence = Evidence(fields.pop("evidence", ""))
        made = Recording(**fields | {"key": key, "evidence": evidence, "date": str(fields.get("date", ""))})
    except (TypeError, ValueError) as error:
        raise ValueError(f"recordings: {key}: {error}") from error
    answers = [name for name in _ANSWERS if name in fields]
    proved = evidence is not Evidence.NONE
    if len(answers) != int(proved) or (proved and evidence is not Evidence.UNCITED and not made.sources):
        raise ValueError(f"recordings: {key} needs sources and one of {', '.join(_ANSWERS)}, or evidence: none")
    return made
