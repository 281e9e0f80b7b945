"""S3 URIs: their forms, those in a text, and the references of a model. Pure: no AWS calls."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from lambdas.promotion.model import s3_uri_ends

_OBJECT = re.compile(rf"s3://{s3_uri_ends.BUCKET}/(.*[^/])", re.DOTALL)
_PREFIX = re.compile(rf"s3://{s3_uri_ends.BUCKET}/(.*[^/])/", re.DOTALL)
# Any other spelling of an S3 location: it would still refer to the source account. The colon and the slashes
# may be escaped as in JSON or in a URL.
_OTHER_SPELLING = re.compile(
    r"s3[an]?(:|%3a)(\\?/|%2f){2}"
    r"|arn:aws[a-z-]*:s3[a-z-]*:"
    r"|(?<![a-z0-9_-])s3[a-z]*[.-]([a-z0-9-]{1,63}\.){0,9}amazonaws\.com",
    re.IGNORECASE,
)


class S3ReferenceKind(enum.StrEnum):
    """What an S3 URI refers to."""

    OBJECT = "OBJECT"
    PREFIX = "PREFIX"
    EITHER = "EITHER"  # only S3 knows: a variable's value without a slash at its end
    MANIFEST = "MANIFEST"  # an object that names further objects (API: S3ModelDataSource, ManifestS3Uri)


@dataclass(frozen=True, kw_only=True)
class S3Reference:
    """An S3 URI that a model refers to.

    `location` is the field that has it, such as Containers[1].Environment.HF_MODEL_ID. `etag` pins the content of the
    object. `as_files`: SageMaker stores the objects of the prefix as files, so that its rules for file names
    apply (API: S3ModelDataSource, CompressionType). `variable` is the environment variable that holds it.
    """

    uri: str
    kind: S3ReferenceKind
    location: str
    etag: str | None = None
    as_files: bool = False
    variable: str | None = None


def is_object(uri: str) -> bool:
    """Whether this is the S3 URI of one object."""
    return bool(_OBJECT.fullmatch(uri))


def is_prefix(uri: str) -> bool:
    """Whether this is the S3 URI of a prefix, with the slash at its end."""
    return bool(_PREFIX.fullmatch(uri))


def bucket_of(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[0]


def in_text(text: str, *, is_csv: bool = False) -> list[tuple[int, str]]:
    """Return each S3 URI in a text, with its position: the whole text, in a list, in JSON, in a sentence.

    What only looks like one (a bucket without a key, an ambiguous end) is left for `other_spelling`.
    """
    return [(begin, text[begin:end]) for begin, end in s3_uri_ends.spans(text, is_csv=is_csv)]


def replaced(text: str, new: Callable[[str], str], *, is_csv: bool = False) -> str:
    """Return the text with every S3 URI in it replaced."""
    parts: list[str] = []
    rest = 0
    for begin, end in s3_uri_ends.spans(text, is_csv=is_csv):
        parts += text[rest:begin], new(text[begin:end])
        rest = end
    return "".join([*parts, text[rest:]])


def in_manifest(text: str, *, location: str) -> list[S3Reference]:
    """Return the references in a manifest: "a CSV file that stores the artifact locations" (API: ManifestS3Uri).

    AWS documents no more of it, so every S3 URI in it counts, at any position.
    """
    return [
        S3Reference(
            uri=uri, kind=S3ReferenceKind.PREFIX if uri.endswith("/") else S3ReferenceKind.EITHER, location=location
        )
        for _, uri in in_text(text, is_csv=True)
    ]


def other_spelling(text: str) -> str | None:
    """Return how a text refers to S3 other than by a complete s3:// URI, or None."""
    match = _OTHER_SPELLING.search(replaced(text, lambda _: "\0"))
    return match[0] if match else None


def unique(references: Iterable[S3Reference]) -> tuple[S3Reference, ...]:
    """Return one reference for each S3 URI, in the order of first use. Raises ValueError if two contradict."""
    by_uri: dict[str, S3Reference] = {}
    for reference in references:
        first = by_uri.get(reference.uri)
        by_uri[reference.uri] = _merged(first, reference) if first else reference
    return tuple(by_uri.values())


def _merged(first: S3Reference, other: S3Reference) -> S3Reference:
    kinds = {first.kind, other.kind} - {S3ReferenceKind.EITHER} or {S3ReferenceKind.EITHER}
    if len(kinds) > 1:
        raise ValueError(
            f"{first.location} and {other.location} ({first.uri} cannot be {' and '.join(sorted(kinds))} at once)"
        )
    etags = {etag.strip('"') for etag in (first.etag, other.etag) if etag}
    if len(etags) > 1:
        pins = " and ".join(sorted(etags))
        raise ValueError(f"{first.location} and {other.location} ({first.uri} is pinned to two ETags, {pins})")
    return replace(
        first,
        kind=kinds.pop(),
        etag=first.etag or other.etag,
        as_files=first.as_files or other.as_files,
        variable=first.variable and other.variable,
    )


def in_variables(environment: dict[str, str], path: str, *, untouched: Iterable[str] = ()) -> Iterator[S3Reference]:
    """Yield the references in a container's variables. `path` is the container's location, with a dot at its end."""
    kept = set(untouched)
    for name, value in environment.items():
        for _, uri in in_text(value) if name not in kept else ():
            yield S3Reference(uri=uri, kind=_kind(name, uri), location=f"{path}Environment.{name}", variable=name)


def _kind(variable: str, uri: str) -> S3ReferenceKind:
    if uri.endswith("/"):
        return S3ReferenceKind.PREFIX
    # The SDK writes the S3 URI of one tarball there (sagemaker-python-sdk: model_builder.py).
    return S3ReferenceKind.OBJECT if variable == "SAGEMAKER_SUBMIT_DIRECTORY" else S3ReferenceKind.EITHER
