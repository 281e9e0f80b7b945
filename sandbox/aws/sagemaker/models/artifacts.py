"""The S3 objects that a container needs: what its definition says about where they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.state import Record

# SageMaker takes an object's HTTPS URL as well (API: Url, S3ModelUri), in both of S3's spellings.
HTTPS = re.compile(r"https://((?P<bucket>[^/]+)\.)?s3[.-]([a-z0-9-]+\.)?amazonaws\.com(\.cn)?/(?P<path>.+)")
PACKAGED_DATA = "additional-s3-data-source"


@dataclass(frozen=True)
class Artifact:
    """One object or prefix, and the folder of the container (below /opt/ml) into which it goes."""

    bucket: str
    key: str
    kind: str  # S3Object or S3Prefix
    compressed: bool
    folder: str
    etag: str | None = None
    manifest: "Artifact | None" = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def of_container(container: Record) -> list[Artifact]:
    """What the container's definition says is to be downloaded before it starts."""
    return list(_artifacts(container))


def source_archive(environment: dict[str, str]) -> Artifact | None:
    """The script's own archive, if SAGEMAKER_SUBMIT_DIRECTORY names a location in S3."""
    submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if not submitted.startswith("s3://"):
        return None
    return _at(submitted, kind="S3Object", compressed=True, folder="code")


def target_model(container: Record, target: str) -> Artifact:
    """One model of a multi-model container: its path below the prefix that ModelDataUrl names."""
    prefix = _at(container["ModelDataUrl"], kind="S3Prefix", compressed=False, folder="model")
    return replace(prefix, key=prefix.key + target.lstrip("/"), kind="S3Object", compressed=True)


def _artifacts(container: Record) -> Iterator[Artifact]:
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        yield _of_source(source, "model")
    elif "ModelDataUrl" in container:
        multi_model = container.get("Mode") == "MultiModel"
        kind = "S3Prefix" if multi_model else "S3Object"
        model = _at(container["ModelDataUrl"], kind=kind, compressed=not multi_model, folder="model")
        yield replace(model, etag=container.get("ModelDataETag"))
    for additional in container.get("AdditionalModelDataSources", []):
        folder = f"additional-model-data-sources/{additional['ChannelName']}"
        yield _of_source(additional["S3DataSource"], folder)
    if packaged := container.get("AdditionalS3DataSource"):
        # Only model packages have it. AWS does not document its location in the container: the folder is assumed.
        compressed = packaged.get("CompressionType") == "Gzip"
        artifact = _at(packaged["S3Uri"], kind=packaged["S3DataType"], compressed=compressed, folder=PACKAGED_DATA)
        yield replace(artifact, etag=packaged.get("ETag"))


def _of_source(source: Record, folder: str) -> Artifact:
    kind, compressed = str(source["S3DataType"]), source["CompressionType"] == "Gzip"
    if kind == "S3Prefix" and not source["S3Uri"].endswith("/"):
        raise Invalid(f"S3Uri {source['S3Uri']} must end with a forward slash when S3DataType is S3Prefix.")
    if kind == "S3Prefix" and compressed:
        raise Invalid(f"S3Uri {source['S3Uri']}: CompressionType Gzip needs S3DataType S3Object.")
    artifact = _at(source["S3Uri"], kind=kind, compressed=compressed, folder=folder)
    return replace(artifact, etag=source.get("ETag"), manifest=_manifest(source, folder))


def _manifest(source: Record, folder: str) -> Artifact | None:
    if "ManifestS3Uri" not in source:
        return None
    artifact = _at(source["ManifestS3Uri"], kind="S3Object", compressed=False, folder=folder)
    return replace(artifact, etag=source.get("ManifestEtag"))


def _at(uri: str, *, kind: str, compressed: bool, folder: str) -> Artifact:
    path = uri.removeprefix("s3://")
    if match := HTTPS.fullmatch(uri):
        path = f"{match['bucket']}/{match['path']}" if match["bucket"] else match["path"]
    elif path == uri:
        raise Invalid(f"Invalid S3 URI: {uri}")
    bucket, _, key = path.partition("/")
    if not bucket or not (key or kind == "S3Prefix"):
        raise Invalid(f"Invalid S3 URI: {uri}")
    if kind == "S3Prefix" and key and not key.endswith("/"):
        key += "/"
    return Artifact(bucket=bucket, key=key, kind=kind, compressed=compressed, folder=folder)
