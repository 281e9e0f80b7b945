"""Every object that a model needs, and where it comes to lie in the target. Pure.

Each address of the model gets a folder of its own in the target's bucket, called by a digest of what lies at the
address. So another content never comes to the same place, and the same content is found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import Artifact, S3Object, sha256
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.model.s3_uris import replaced

# Bytes of a key (AWS: S3, object key naming), and of an object's own name that are kept, the last ones.
_LONGEST_KEY = 1024
_LONGEST_BASENAME = 255
# What the steps that look at every object can do in one run.
MOST_OBJECTS = 100_000
_MOST_TOLD = 10


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What lies at an address: one object, or all objects below `prefix`.

    `text` is the content of a manifest: the addresses in it are among the model's too, and are rewritten in it.
    """

    objects: tuple[S3Object, ...]
    prefix: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The objects; each address of the source's with the target's; and each with a digest of what lies there."""

    artifacts: tuple[Artifact, ...]
    target_uris: Mapping[str, str]
    contents: Mapping[str, str]


def take(found: Mapping[str, Listing], *, application: str, stage: str, bucket: str, subject: str) -> Inventory:
    """Return the inventory of what was found at the model's addresses.

    `bucket` is the target's; `where` names the model in a refusal. Raises UnsupportedModel.
    """
    artifacts: dict[str, Artifact] = {}
    addresses: dict[str, str] = {}
    contents: dict[str, str] = {}
    # Manifests last: they speak of the others.
    for uri, as_found in sorted(found.items(), key=lambda one: one[1].text is not None):
        said = as_found.text
        at = as_found if said is None else _rewritten(as_found, said, addresses)
        folder = f"{resource_names.stage_prefix(application, stage)}{_identity(at)[:32]}/"
        for artifact in _artifacts(at, folder):
            artifacts[artifact.key] = artifact
        if at.prefix is None:
            addresses[uri] = f"s3://{bucket}/{folder}{_basename(at.objects[0].key)}"
        else:
            addresses[uri] = f"s3://{bucket}/{folder}".rstrip("" if uri.endswith("/") else "/")
        contents[uri] = _content(at) if said is None else hex_digest(replaced(said, lambda one: contents[one]))
    _require_carried(artifacts.values(), subject=subject)
    return Inventory(artifacts=tuple(artifacts.values()), target_uris=addresses, contents=contents)


def folders(artifacts: Iterable[Artifact], prefix: str) -> list[str]:
    """Return the folders below the stage's prefix that hold the artifacts and nothing else."""
    return list(dict.fromkeys(f"{prefix}{artifact.key[len(prefix) :].partition('/')[0]}/" for artifact in artifacts))


def _rewritten(manifest: Listing, text: str, addresses: Mapping[str, str]) -> Listing:
    """Return the manifest as it is written into the target; its size and checksum are those of the new text."""
    new = replaced(text, addresses.__getitem__)
    (one,) = manifest.objects
    source = replace(one, size=len(new.encode()), checksum=sha256(new))
    return Listing(objects=(source,), text=new)


def _artifacts(at: Listing, folder: str) -> Iterator[Artifact]:
    for found in at.objects:
        own = _basename(found.key) if at.prefix is None else found.key[len(at.prefix) :]
        yield Artifact(source=found, key=f"{folder}{own}", text=at.text)


def _basename(key: str) -> str:
    return key.rpartition("/")[2].encode()[-_LONGEST_BASENAME:].decode(errors="ignore")


def _identity(at: Listing) -> str:
    """A digest of which objects these are: address, version, ETag, size and checksum of each."""
    if at.prefix is None:
        (one,) = at.objects
        return hex_digest([one.bucket, one.key, one.version_id, one.etag, one.size, one.checksum])
    return hex_digest([at.objects[0].bucket, at.prefix, _content(at)])


def _content(at: Listing) -> str:
    """A digest of what lies there, wherever it lies. A list tells no checksum, so there the ETag stands for it."""
    if at.prefix is None:
        (one,) = at.objects
        return one.checksum or f"{one.etag}:{one.version_id}"
    return hex_digest([[one.key[len(at.prefix) :], one.etag, one.size] for one in at.objects])


def _require_carried(artifacts: Iterable[Artifact], *, subject: str) -> None:
    found = list(artifacts)
    problems = [
        f"{artifact.source.uri} (its key in the target would be longer than the {_LONGEST_KEY} bytes that S3 allows)"
        for artifact in found
        if len(artifact.key.encode(errors="surrogatepass")) > _LONGEST_KEY
    ]
    if len(found) > MOST_OBJECTS:
        problems.insert(0, f"it needs more than {MOST_OBJECTS} objects")
    if problems:
        more = f"; and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
        raise UnsupportedModel(
            f"{subject} cannot be carried: {'; '.join(problems[:_MOST_TOLD])}{more}. Nothing was created."
        )
