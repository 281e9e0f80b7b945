"""Whether an answer is that of a recording, whatever the names, numbers of accounts and times in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

# What differs from account to account and from run to run, in messages and values; the order matters.
_VARIABLE = (
    (re.compile(r"arn:aws[\w-]*:[^\s\"',;)]+"), "<arn>"),
    (re.compile(r"s3://[^\s\"',;]+"), "<uri>"),
    (re.compile(r"\d{12}\.dkr\.ecr\.[^\s\"',;]+"), "<image>"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "<digest>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\"[^\"]*\""), '"<text>"'),
    (re.compile(r"'[^']*'"), "'<text>'"),
    (re.compile(r"\b[a-z]{2}(?:-[a-z]+)+-\d\b"), "<region>"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "<account>"),
)
# Members of an error that name what was asked for.
_NAMES = {
    "Key",
    "BucketName",
    "UploadId",
    "ETag",
    "ArgumentValue",
    "Resource",
    "Endpoint",
    "Bucket",
    "Header",
    "Method",
}


def normalised(text: str) -> str:
    """Return a message or a value without what differs from account to account."""
    for pattern, replacement in _VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def error_differences(recorded: Mapping[str, Any], answered: Mapping[str, Any], *, partial: bool = False) -> list[str]:
    """Compare an error with a recorded one; both have `code`, `message`, `status` and `members`.

    A code that is empty was not in the source. Of a recording that shows a part only, the answered message must begin
    with the recorded one.
    """
    differences = [
        f"{name}: {recorded[name]!r} expected, {answered.get(name)!r} answered"
        for name in ("code", "status")
        if recorded.get(name) and str(recorded[name]) != str(answered.get(name))
    ]
    expected, message = (normalised(str(error.get("message") or "")) for error in (recorded, answered))
    same = message.startswith(expected) if partial else message == expected
    if recorded.get("message") is not None and not same:
        differences.append(f"message: {expected!r} expected, {message!r} answered")
    return differences + _member_differences(recorded.get("members") or {}, answered.get("members") or {})


def _member_differences(recorded: Mapping[str, Any], answered: Mapping[str, Any]) -> list[str]:
    missing = [f"{name}: missing" for name in recorded if name not in answered]
    return missing + [
        f"{name}: {value!r} expected, {answered[name]!r} answered"
        for name, value in recorded.items()
        if name in answered and name not in _NAMES and normalised(str(value)) != normalised(str(answered[name]))
    ]


def response_differences(
    recorded: Mapping[str, Any],
    answered: Mapping[str, Any],
    *,
    partial: bool = False,
    values: Collection[str] = (),
    ignored: Collection[str] = (),
) -> list[str]:
    """Compare the fields of a response with a recorded one, their kinds, and the values of those in `values`.

    A path is `Field.Inner`, and `List[]` for the elements. A field that is in `ignored` is left out with all below it.
    Of a recording that shows a part only, the answer may have more fields.
    """
    expected, actual = (
        {path: value for path, value in _leaves(message) if not _below(path, ignored)}
        for message in (recorded, answered)
    )
    differences = [f"{path}: missing" for path in sorted(expected.keys() - actual.keys())]
    if not partial:
        differences += [f"{path}: not in the recording" for path in sorted(actual.keys() - expected.keys())]
    for path in sorted(expected.keys() & actual.keys()):
        old, new = expected[path], actual[path]
        if _kind(old) != _kind(new):
            differences.append(f"{path}: {_kind(old)} expected, {_kind(new)} answered")
        elif path in values and normalised(str(old)) != normalised(str(new)):
            differences.append(f"{path}: {old!r} expected, {new!r} answered")
    return differences


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the last value of each path; an empty list or map is a value itself."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            if path or name != "ResponseMetadata":
                yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        for item in value:
            yield from _leaves(item, f"{path}[]")
    elif path:
        yield path, value


def _below(path: str, ignored: Collection[str]) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in ignored)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, datetime):
        return "time"
    if isinstance(value, Mapping | list | tuple):
        return "nothing inside"
    return "nothing" if value is None else "text"
