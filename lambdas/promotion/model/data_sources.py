"""The S3 URIs of a container's model data: ModelDataUrl, ModelDataSource, AdditionalModelDataSources.

Pure: no AWS calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lambdas.promotion.contract import s3_https
from lambdas.promotion.contract.text import Missing
from lambdas.promotion.model import jumpstart, s3_uris
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind

_TARBALL = {"S3DataType": "S3Object", "CompressionType": "Gzip"}
_KINDS = {"S3Object": S3ReferenceKind.OBJECT, "S3Prefix": S3ReferenceKind.PREFIX}
# Whether SageMaker stores the objects as files depends on it.
_COMPRESSIONS = ("None", "Gzip")
_PINS = ("ETag", "ManifestEtag")


def read(container: dict[str, Any], path: str, problems: list[str]) -> list[S3Reference]:
    """Return the references to a container's model data, and keep in it the fields for CreateModel.

    ModelDataETag and the ETags of data sources pin the source's content: they become part of the references, and are
    not sent to CreateModel, because a copy has another ETag. URIs in AWS's own buckets (jumpstart.py) are not copied
    and not checked. HTTPS URLs of S3 become S3 URIs. What is not supported is added to the problems.

    `path` is the container's location, with a dot at its end.
    """
    container |= rewrite(container, s3_https.as_s3_uri)
    etag = container.pop("ModelDataETag", None)
    etag = _single_form(container, path, problems) or etag
    references: list[S3Reference] = []
    url = container.get("ModelDataUrl")
    if url:
        prefix = container.get("Mode") == "MultiModel"
        kind = S3ReferenceKind.PREFIX if prefix else S3ReferenceKind.OBJECT
        references.append(S3Reference(uri=url, kind=kind, location=f"{path}ModelDataUrl", etag=etag))
    for location, source in _sources(container, path):
        pin = etag if location == f"{path}ModelDataSource.S3DataSource" else None
        references += _of_source(source, location, pin, problems)
    problems += filter(None, map(_form_problem, references))
    return [reference for reference in references if not jumpstart.is_cache(reference.uri)]


def rewrite(container: dict[str, Any], new: Callable[[str], str]) -> dict[str, Any]:
    """Return the container with every S3 URI of its model data replaced."""
    result = dict(container)
    if "ModelDataUrl" in result:
        result["ModelDataUrl"] = new(result["ModelDataUrl"])
    if "ModelDataSource" in result:
        result["ModelDataSource"] = _rewritten(result["ModelDataSource"], new)
    if "AdditionalModelDataSources" in result:
        result["AdditionalModelDataSources"] = [_rewritten(item, new) for item in result["AdditionalModelDataSources"]]
    return result


def uris(container: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield location and S3 URI of each."""
    if "ModelDataUrl" in container:
        yield f"{path}ModelDataUrl", container["ModelDataUrl"]
    for location, source in _sources(container, path):
        for field in ("S3Uri", "ManifestS3Uri"):
            if field in source:
                yield f"{location}.{field}", source[field]


def hub_access(container: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield location and HubAccessConfig of each data source that has one."""
    for location, source in _sources(container, path):
        if "HubAccessConfig" in source:
            yield f"{location}.HubAccessConfig.HubContentArn", source["HubAccessConfig"]


def _sources(container: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    sources = [(f"{path}ModelDataSource", container.get("ModelDataSource", {}))]
    for index, additional in enumerate(container.get("AdditionalModelDataSources", [])):
        sources.append((f"{path}AdditionalModelDataSources[{index}]", additional))
    for location, source in sources:
        if source.get("S3DataSource"):
            yield f"{location}.S3DataSource", source["S3DataSource"]


def _single_form(container: dict[str, Any], path: str, problems: list[str]) -> str | None:
    """Keep one of ModelDataUrl and ModelDataSource: SageMaker returns both where they are equivalent.

    A tarball without further options is a ModelDataUrl, which works everywhere (API: ModelDataSource cannot be used
    with serverless and multi-model endpoints). Returns the ETag in the form that was removed.
    """
    url, source = container.get("ModelDataUrl"), container.get("ModelDataSource", {}).get("S3DataSource", {})
    if "ModelDataSource" in container and not source.get("S3Uri"):
        problems.append(Missing(f"{path}ModelDataSource.S3DataSource.S3Uri (it names no model data)"))
    if not source.get("S3Uri"):
        return None
    multi_model = container.get("Mode") == "MultiModel"
    if url and url.rstrip("/" if multi_model else "") != source["S3Uri"].rstrip("/" if multi_model else ""):
        problems.append(f"{path}ModelDataSource ({source['S3Uri']}, but ModelDataUrl is {url})")
        return None
    plain = all(source.get(field) == value for field, value in _TARBALL.items()) or (multi_model and bool(url))
    if plain and set(source) <= {"S3Uri", *_TARBALL, *_PINS} and "AdditionalModelDataSources" not in container:
        container["ModelDataUrl"] = url or source["S3Uri"]
        del container["ModelDataSource"]
        etag: str | None = source.get("ETag")
        return etag
    container.pop("ModelDataUrl", None)
    return None


def _of_source(source: dict[str, Any], location: str, etag: str | None, problems: list[str]) -> Iterator[S3Reference]:
    own, manifest_etag = (source.pop(field, None) for field in _PINS)
    kind = _KINDS.get(source.get("S3DataType", ""))
    if kind is None:
        problems.append(f"{location}.S3DataType {source.get('S3DataType')}")
        return
    if not source.get("S3Uri"):
        problems.append(Missing(f"{location}.S3Uri (it names no model data)"))
        return
    if source.get("CompressionType") not in _COMPRESSIONS:
        problems.append(f"{location}.CompressionType {source.get('CompressionType')}")
    yield S3Reference(
        uri=source["S3Uri"],
        kind=kind,
        location=f"{location}.S3Uri",
        etag=own or etag,
        as_files=kind is S3ReferenceKind.PREFIX and source.get("CompressionType") == "None",
    )
    if source.get("ManifestS3Uri"):
        yield S3Reference(
            uri=source["ManifestS3Uri"],
            kind=S3ReferenceKind.MANIFEST,
            location=f"{location}.ManifestS3Uri",
            etag=manifest_etag,
        )


def _form_problem(reference: S3Reference) -> str | None:
    # The signature of a signed URL must not appear in a message.
    uri = reference.uri.partition("?")[0]
    location = reference.location
    if reference.kind is not S3ReferenceKind.PREFIX:
        return None if s3_uris.is_object(reference.uri) else f"{location} ({uri!r} is not the S3 URI of one object)"
    if reference.etag:
        return f"{location} (it is pinned to the ETag {reference.etag}, and a prefix has none)"
    # The models of a multi-model endpoint are stored below a prefix with or without the slash.
    prefix = f"{reference.uri.rstrip('/')}/" if location.endswith("ModelDataUrl") else reference.uri
    return None if s3_uris.is_prefix(prefix) else f"{location} ({uri!r} is not the S3 URI of a prefix)"


def _rewritten(data_source: dict[str, Any], new: Callable[[str], str]) -> dict[str, Any]:
    if "S3DataSource" not in data_source:
        return data_source
    source = dict(data_source["S3DataSource"])
    for field in ("S3Uri", "ManifestS3Uri"):
        if field in source:
            source[field] = new(source[field])
    return {**data_source, "S3DataSource": source}
