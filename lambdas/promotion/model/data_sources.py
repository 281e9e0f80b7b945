"""Where a container's model data lies: ModelDataUrl, ModelDataSource, AdditionalModelDataSources. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lambdas.promotion.model import jumpstart, s3_uris
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind

_TARBALL = {"S3DataType": "S3Object", "CompressionType": "Gzip"}
_KINDS = {"S3Object": S3ReferenceKind.OBJECT, "S3Prefix": S3ReferenceKind.PREFIX}
_PINS = ("ETag", "ManifestEtag")


def read(container: dict[str, Any], path: str, problems: list[str]) -> list[S3Reference]:
    """Return the addresses of a container's model data, and leave in it what CreateModel shall get.

    ModelDataETag and the ETags of data sources pin the source's content: they go to the addresses, and are not sent
    on, because a copy has another ETag. Those of AWS's own buckets (jumpstart.py) are not copied and not checked.
    What cannot be carried is added to the problems. `path` is the container's place, with a dot at its end.
    """
    etag = container.pop("ModelDataETag", None)
    etag = _single_form(container, path, problems) or etag
    found: list[S3Reference] = []
    url = container.get("ModelDataUrl")
    if url:
        prefix = container.get("Mode") == "MultiModel"
        kind = S3ReferenceKind.PREFIX if prefix else S3ReferenceKind.OBJECT
        found.append(S3Reference(uri=url, kind=kind, location=f"{path}ModelDataUrl", etag=etag))
    for place, source in _sources(container, path):
        pin = etag if place == f"{path}ModelDataSource.S3DataSource" else None
        found += _of_source(source, place, pin, problems)
    problems += filter(None, map(_misshapen, found))
    return [one for one in found if not jumpstart.is_cache(one.uri)]


def rewrite(container: dict[str, Any], new: Callable[[str], str]) -> dict[str, Any]:
    """Return the container with every address of its model data replaced."""
    changed = dict(container)
    if "ModelDataUrl" in changed:
        changed["ModelDataUrl"] = new(changed["ModelDataUrl"])
    if "ModelDataSource" in changed:
        changed["ModelDataSource"] = _rewritten(changed["ModelDataSource"], new)
    if "AdditionalModelDataSources" in changed:
        changed["AdditionalModelDataSources"] = [_rewritten(one, new) for one in changed["AdditionalModelDataSources"]]
    return changed


def uris(container: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the address of each."""
    if "ModelDataUrl" in container:
        yield f"{path}ModelDataUrl", container["ModelDataUrl"]
    for place, source in _sources(container, path):
        for member in ("S3Uri", "ManifestS3Uri"):
            if member in source:
                yield f"{place}.{member}", source[member]


def hub_access(container: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the HubAccessConfig of each data source that has one."""
    for place, source in _sources(container, path):
        if "HubAccessConfig" in source:
            yield f"{place}.HubAccessConfig.HubContentArn", source["HubAccessConfig"]


def _sources(container: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    both = [(f"{path}ModelDataSource", container.get("ModelDataSource", {}))]
    for index, one in enumerate(container.get("AdditionalModelDataSources", [])):
        both.append((f"{path}AdditionalModelDataSources[{index}]", one))
    for place, one in both:
        if one.get("S3DataSource"):
            yield f"{place}.S3DataSource", one["S3DataSource"]


def _single_form(container: dict[str, Any], path: str, problems: list[str]) -> str | None:
    """Keep one of ModelDataUrl and ModelDataSource: SageMaker shows both where the one says what the other does.

    A tarball without anything special is a ModelDataUrl, which works everywhere (API: ModelDataSource cannot be used
    with serverless and multi-model endpoints). Returns the ETag that stood in the form that was given up.
    """
    url, source = container.get("ModelDataUrl"), container.get("ModelDataSource", {}).get("S3DataSource", {})
    if "ModelDataSource" in container and not source.get("S3Uri"):
        problems.append(f"{path}ModelDataSource (it has no S3Uri)")
    if not source.get("S3Uri"):
        return None
    many = container.get("Mode") == "MultiModel"
    if url and url.rstrip("/" if many else "") != source["S3Uri"].rstrip("/" if many else ""):
        problems.append(f"{path}ModelDataSource ({source['S3Uri']}, but ModelDataUrl says {url})")
        return None
    plain = all(source.get(member) == value for member, value in _TARBALL.items()) or (many and bool(url))
    if plain and set(source) <= {"S3Uri", *_TARBALL, *_PINS} and "AdditionalModelDataSources" not in container:
        container["ModelDataUrl"] = url or source["S3Uri"]
        del container["ModelDataSource"]
        etag: str | None = source.get("ETag")
        return etag
    container.pop("ModelDataUrl", None)
    return None


def _of_source(source: dict[str, Any], place: str, etag: str | None, problems: list[str]) -> Iterator[S3Reference]:
    own, manifest_etag = (source.pop(member, None) for member in _PINS)
    kind = _KINDS.get(source.get("S3DataType", ""))
    if kind is None:
        problems.append(f"{place}.S3DataType {source.get('S3DataType')}")
        return
    if not source.get("S3Uri"):
        problems.append(f"{place}.S3Uri (it is missing)")
        return
    yield S3Reference(
        uri=source["S3Uri"],
        kind=kind,
        location=f"{place}.S3Uri",
        etag=own or etag,
        as_files=kind is S3ReferenceKind.PREFIX and source.get("CompressionType") == "None",
    )
    if source.get("ManifestS3Uri"):
        yield S3Reference(
            uri=source["ManifestS3Uri"],
            kind=S3ReferenceKind.MANIFEST,
            location=f"{place}.ManifestS3Uri",
            etag=manifest_etag,
        )


def _misshapen(one: S3Reference) -> str | None:
    # The signature of a signed URL is nobody's business.
    told = one.uri.partition("?")[0]
    if one.kind is not S3ReferenceKind.PREFIX:
        return None if s3_uris.is_object(one.uri) else f"{one.location} ({told!r} is not the address of one object)"
    if one.etag:
        return f"{one.location} (it is pinned to the ETag {one.etag}, and a prefix has none)"
    # The models of a multi-model endpoint lie below an address with or without the slash.
    uri = f"{one.uri.rstrip('/')}/" if one.location.endswith("ModelDataUrl") else one.uri
    return None if s3_uris.is_prefix(uri) else f"{one.location} ({told!r} is not the address of a prefix)"


def _rewritten(one: dict[str, Any], new: Callable[[str], str]) -> dict[str, Any]:
    source = dict(one["S3DataSource"])
    for member in ("S3Uri", "ManifestS3Uri"):
        if member in source:
            source[member] = new(source[member])
    return {**one, "S3DataSource": source}
