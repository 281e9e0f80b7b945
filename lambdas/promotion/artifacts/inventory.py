"""Every object that a model refers to, and where its copy is stored in the target. Pure: no AWS calls.

Each S3 URI of the model gets a folder of its own in the target's bucket, named by a digest of the objects at the URI.
So different content is never stored at the same key, and the same content is recognized.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import Artifact, S3Object, sha256
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.model.s3_uris import in_text, replaced

# Bytes of a key (AWS: S3, object key naming), and of an object's basename that are kept, the last ones.
_LONGEST_KEY = 1024
_LONGEST_BASENAME = 255
# What the steps that process every object can do in one invocation.
MOST_OBJECTS = 100_000
_MOST_REPORTED = 10


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The objects at an S3 URI: one object, or all objects below `prefix`.

    `text` is the content of a manifest: the S3 URIs in it are among the model's too, and are rewritten in it.
    """

    objects: tuple[S3Object, ...]
    prefix: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The objects; each S3 URI of the source with the target's; and each with a digest of its content."""

    artifacts: tuple[Artifact, ...]
    target_uris: Mapping[str, str]
    contents: Mapping[str, str]


def take(listings: Mapping[str, Listing], *, application: str, stage: str, bucket: str, subject: str) -> Inventory:
    """Return the inventory of the objects at the model's S3 URIs.

    `bucket` is the target's; `subject` names the model in an error. Raises UnsupportedModel.
    """
    artifacts: dict[str, Artifact] = {}
    target_uris: dict[str, str] = {}
    contents: dict[str, str] = {}
    for uri in _in_order(listings, subject=subject):
        in_source = listings[uri]
        text = in_source.text
        listing = in_source if text is None else _rewritten(in_source, text, target_uris)
        folder = f"{resource_names.stage_prefix(application, stage)}{_identity(listing)[:32]}/"
        for artifact in _artifacts(listing, folder):
            artifacts[artifact.key] = artifact
        if listing.prefix is None:
            target_uris[uri] = f"s3://{bucket}/{folder}{_basename(listing.objects[0].key)}"
        else:
            target_uris[uri] = f"s3://{bucket}/{folder}".rstrip("" if uri.endswith("/") else "/")
        contents[uri] = _content(listing) if text is None else _content_of_text(text, contents)
    _require_supported(artifacts.values(), subject=subject)
    return Inventory(artifacts=tuple(artifacts.values()), target_uris=target_uris, contents=contents)


def _in_order(listings: Mapping[str, Listing], *, subject: str) -> list[str]:
    """Return the S3 URIs so that a manifest follows what it lists, which may be other manifests."""
    listed = {
        uri: [name for _, name in in_text(listing.text, is_csv=True)] if listing.text is not None else []
        for uri, listing in listings.items()
    }
    try:
        return list(TopologicalSorter(listed).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise UnsupportedModel(
            f"{subject}: the manifest lists itself ({cycle}), so no copy of it can be written. Nothing was created. "
            "Remove the entry and register the model again."
        ) from error


def folders(artifacts: Iterable[Artifact], prefix: str) -> list[str]:
    """Return the folders below the stage's prefix that hold the artifacts and nothing else."""
    return list(dict.fromkeys(folder(artifact, prefix) for artifact in artifacts))


def folder(artifact: Artifact, prefix: str) -> str:
    """Return the folder below the stage's prefix that holds an artifact."""
    return f"{prefix}{artifact.key[len(prefix) :].partition('/')[0]}/"


def _rewritten(manifest: Listing, text: str, target_uris: Mapping[str, str]) -> Listing:
    """Return the manifest as it is written into the target; its size and checksum are those of the new text."""
    new = replaced(text, target_uris.__getitem__, is_csv=True)
    (in_source,) = manifest.objects
    source = replace(in_source, size=len(new.encode()), checksum=sha256(new))
    return Listing(objects=(source,), text=new)


def _artifacts(listing: Listing, folder: str) -> Iterator[Artifact]:
    for source in listing.objects:
        name = _basename(source.key) if listing.prefix is None else source.key[len(listing.prefix) :]
        yield Artifact(source=source, key=f"{folder}{name}", text=listing.text)


def _basename(key: str) -> str:
    return key.rpartition("/")[2].encode()[-_LONGEST_BASENAME:].decode(errors="ignore")


def _identity(listing: Listing) -> str:
    """Return a digest of which objects these are: S3 URI, version, ETag, size and checksum of each."""
    if listing.prefix is None:
        (source,) = listing.objects
        return hex_digest([source.bucket, source.key, source.version_id, source.etag, source.size, source.checksum])
    return hex_digest([listing.objects[0].bucket, listing.prefix, _content(listing)])


def _content(listing: Listing) -> str:
    """Return a digest of the content, independent of its location. A list has no checksums, so it is of the ETags."""
    if listing.prefix is None:
        (source,) = listing.objects
        return source.checksum or f"{source.etag}:{source.version_id}"
    return hex_digest(
        sorted([source.key[len(listing.prefix) :], source.etag, source.size] for source in listing.objects)
    )


def _content_of_text(manifest: str, contents: Mapping[str, str]) -> str:
    return hex_digest(replaced(manifest, contents.__getitem__, is_csv=True))


def _require_supported(artifacts: Iterable[Artifact], *, subject: str) -> None:
    all_artifacts = list(artifacts)
    problems = [
        f"{artifact.source.uri} (its key in the target would be longer than the {_LONGEST_KEY} bytes that S3 allows)"
        for artifact in all_artifacts
        if len(artifact.key.encode(errors="surrogatepass")) > _LONGEST_KEY
    ]
    problems += [
        f"{artifact.source.uri!a} (it has more than 5 GiB, so it is copied by parts, and its key has characters with "
        "which S3's answers about parts are unreadable)"
        for artifact in all_artifacts
        if artifact.source.size > partitioning.LARGEST_COPY and not partitioning.has_readable_uploads(artifact.key)
    ]
    if len(all_artifacts) > MOST_OBJECTS:
        problems.insert(0, f"it has more than {MOST_OBJECTS} objects")
    if problems:
        more = f"; and {len(problems) - _MOST_REPORTED} more" if len(problems) > _MOST_REPORTED else ""
        raise UnsupportedModel(
            f"{subject} is not supported: {'; '.join(problems[:_MOST_REPORTED])}{more}. Nothing was created."
        )
