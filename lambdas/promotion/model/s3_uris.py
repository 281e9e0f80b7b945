"""S3 addresses: what one is, which ones stand in a text, and the list of those that a model needs. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_OBJECT = re.compile(rf"s3://{_BUCKET}/(.*[^/])", re.DOTALL)
_PREFIX = re.compile(rf"s3://{_BUCKET}/(.*[^/])/", re.DOTALL)
# In a text an address begins where no other scheme could be meant, and ends before white space, a quote or a mark
# that separates lists.
_BEGINNING = re.compile(rf"(?<![\w+.-])s3://{_BUCKET}/[^\x00-\x20\x7f\s\"'`,;<>|\\]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.]*://")
_SEPARATORS = ":+&"
_SENTENCE_ENDS = ".:!?"
_CLOSING = {")": "(", "]": "[", "}": "{"}
# What may follow a backslash after an address: the end of a quoted text in a quoted text, or an escaped line's end.
_AFTER_BACKSLASH = "\"'nrt"
# Any other way to write an address in S3: it would go on pointing into the source account. The colon and the slashes
# may be escaped as in JSON or in a URL.
_OTHER_SPELLING = re.compile(
    r"s3[an]?(:|%3a)(\\?/|%2f){2}"
    r"|arn:aws[a-z-]*:s3[a-z-]*:"
    r"|(?<![a-z0-9_-])s3[a-z]*[.-]([a-z0-9-]+\.)*amazonaws\.com",
    re.IGNORECASE,
)


class S3ReferenceKind(enum.StrEnum):
    """What lies at an address."""

    OBJECT = "OBJECT"
    PREFIX = "PREFIX"
    EITHER = "EITHER"  # only S3 can tell: a variable's value without a slash at its end
    MANIFEST = "MANIFEST"  # an object that names further objects (API: S3ModelDataSource, ManifestS3Uri)


@dataclass(frozen=True, kw_only=True)
class S3Reference:
    """An S3 address that a model needs.

    `where` is its place in the model, such as Containers[1].Environment.HF_MODEL_ID. `etag` pins the content of the
    object. `as_files` says that SageMaker lays the objects of the prefix down as files, so that its rules for file
    names hold (API: S3ModelDataSource, CompressionType). `variable` is the environment variable that holds it.
    """

    uri: str
    kind: S3ReferenceKind
    location: str
    etag: str | None = None
    as_files: bool = False
    variable: str | None = None


def is_object(uri: str) -> bool:
    """Whether this is the s3:// address of one object."""
    return bool(_OBJECT.fullmatch(uri))


def is_prefix(uri: str) -> bool:
    """Whether this is the s3:// address of a prefix, with the slash at its end."""
    return bool(_PREFIX.fullmatch(uri))


def bucket_of(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[0]


def in_text(text: str) -> list[tuple[int, str]]:
    """Return each s3:// address in a text, with its position: the whole text, in a list, in JSON, in a sentence.

    What only looks like one (a bucket without a key, an end that cannot be told) is left for `other_spelling`.
    """
    found = []
    position = 0
    while match := _BEGINNING.search(text, position):
        position = match.end()
        raw = match[0]
        another = _SCHEME.search(raw, len("s3://"))
        if another:
            # Two addresses in one word, such as s3://a/b:s3://c/d.
            position = match.start() + another.start()
            if raw[another.start() - 1] not in _SEPARATORS:
                continue
            raw = raw[: another.start() - 1]
        after = text[match.end() : match.end() + 2]
        if not another and after.startswith("\\") and after[1:] not in tuple(_AFTER_BACKSLASH):
            continue
        uri = raw if raw == text else _without_ending(raw)
        if is_object(uri) or is_prefix(uri):
            found.append((match.start(), uri))
    return found


def _without_ending(raw: str) -> str:
    """Leave out the end of the sentence or of the bracket that the address stands in."""
    while raw and (
        raw[-1] in _SENTENCE_ENDS or (raw[-1] in _CLOSING and raw.count(_CLOSING[raw[-1]]) < raw.count(raw[-1]))
    ):
        raw = raw[:-1]
    return raw


def replaced(text: str, new: Callable[[str], str]) -> str:
    """Return the text with every address in it replaced."""
    for position, uri in reversed(in_text(text)):
        text = text[:position] + new(uri) + text[position + len(uri) :]
    return text


def in_manifest(text: str, *, location: str) -> list[S3Reference]:
    """Return the addresses in a manifest: "a CSV file that stores the artifact locations" (API: ManifestS3Uri).

    AWS documents no more of it, so every s3:// address in it counts, wherever it stands.
    """
    return [
        S3Reference(
            uri=uri, kind=S3ReferenceKind.PREFIX if uri.endswith("/") else S3ReferenceKind.EITHER, location=location
        )
        for _, uri in in_text(text)
    ]


def other_spelling(text: str) -> str | None:
    """Return how a text speaks of S3 otherwise than by whole s3:// addresses, or None."""
    found = _OTHER_SPELLING.search(replaced(text, lambda _: "\0"))
    return found[0] if found else None


def unique(addresses: Iterable[S3Reference]) -> tuple[S3Reference, ...]:
    """Return each address once, in the order of their first places. Raises ValueError if two places contradict."""
    found: dict[str, S3Reference] = {}
    for one in addresses:
        found[one.uri] = _both(found[one.uri], one) if one.uri in found else one
    return tuple(found.values())


def _both(one: S3Reference, other: S3Reference) -> S3Reference:
    kinds = {one.kind, other.kind} - {S3ReferenceKind.EITHER} or {S3ReferenceKind.EITHER}
    if len(kinds) > 1:
        raise ValueError(
            f"{one.location} and {other.location} ({one.uri} cannot be {' and '.join(sorted(kinds))} at once)"
        )
    etags = {etag.strip('"') for etag in (one.etag, other.etag) if etag}
    if len(etags) > 1:
        both = " and ".join(sorted(etags))
        raise ValueError(f"{one.location} and {other.location} ({one.uri} is pinned to two ETags, {both})")
    return replace(
        one,
        kind=kinds.pop(),
        etag=one.etag or other.etag,
        as_files=one.as_files or other.as_files,
        variable=one.variable and other.variable,
    )


def in_variables(environment: dict[str, str], path: str, *, untouched: Iterable[str] = ()) -> Iterator[S3Reference]:
    """Yield the addresses in a container's variables. `path` is the container's place, with a dot at its end."""
    kept = set(untouched)
    for name, value in environment.items():
        for _, uri in in_text(value) if name not in kept else ():
            yield S3Reference(uri=uri, kind=_kind(name, uri), location=f"{path}Environment.{name}", variable=name)


def _kind(variable: str, uri: str) -> S3ReferenceKind:
    if uri.endswith("/"):
        return S3ReferenceKind.PREFIX
    # The SDK writes the address of one tarball there (sagemaker-python-sdk: model_builder.py).
    return S3ReferenceKind.OBJECT if variable == "SAGEMAKER_SUBMIT_DIRECTORY" else S3ReferenceKind.EITHER
