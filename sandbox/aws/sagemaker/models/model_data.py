"""Model data from S3, laid out as SageMaker lays it out before it starts a container."""

import concurrent.futures
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.aws.sagemaker.models import file_names, manifests
from sandbox.aws.sagemaker.models.artifacts import Artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONCURRENCY = 8  # S3 answers from one process here; more would only wait for each other
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class File:
    """One object that becomes one file."""

    bucket: str
    key: str
    path: str
    etag: str | None


class DownloadFailed(Exception):
    """An artifact could not be fetched with the execution role's permissions; the text is its S3 URI."""


class NotAnArchive(Exception):
    """What was fetched cannot be unpacked; the text is its S3 URI."""


def fetch(artifact: Artifact, root: Path, client: "S3Client") -> None:
    """Put an artifact into its folder. Raises DownloadFailed, NotAnArchive or file_names.Unplaceable."""
    folder = root / artifact.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if artifact.compressed:
            _unpack(artifact, folder, client)
        _write_files(_files(artifact, client), folder, client)
    except (ClientError, BotoCoreError, OSError) as error:
        raise DownloadFailed(artifact.uri) from error


def _files(artifact: Artifact, client: "S3Client") -> list[File]:
    paths: dict[tuple[str, str], str] = {}
    if artifact.kind == "S3Prefix":
        below = file_names.below(artifact.key, _keys(artifact.bucket, artifact.key, client))
        paths.update({(artifact.bucket, key): path for key, path in below.items()})
    elif not artifact.compressed:
        paths[artifact.bucket, artifact.key] = file_names.of_object(artifact.key)
    if artifact.manifest:
        paths.update(_listed(artifact, artifact.manifest, client))
    file_names.clear({f"{bucket}/{key}": path for (bucket, key), path in paths.items()})
    pinned = {(artifact.bucket, artifact.key): artifact.etag}
    return [File(bucket, key, path, pinned.get((bucket, key))) for (bucket, key), path in paths.items()]


def _listed(artifact: Artifact, manifest: Artifact, client: "S3Client") -> Iterator[tuple[tuple[str, str], str]]:
    text = _get(client, manifest.bucket, manifest.key, manifest.etag).read().decode("utf-8-sig")
    for bucket, location in manifests.locations(text):
        is_prefix = location.endswith("/") or not location
        keys = list(_keys(bucket, location, client)) if is_prefix else [location]
        for key, path in manifests.place(artifact, bucket, location, keys):
            yield (bucket, key), path


def _keys(bucket: str, prefix: str, client: "S3Client") -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", []))


def _write_files(files: list[File], folder: Path, client: "S3Client") -> None:
    for parent in {(folder / file.path).parent for file in files}:
        parent.mkdir(parents=True, exist_ok=True)

    def write(file: File) -> None:
        body = _get(client, file.bucket, file.key, file.etag)
        with (folder / file.path).open("wb") as opened:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                opened.write(chunk)

    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(write, files))


def _unpack(artifact: Artifact, folder: Path, client: "S3Client") -> None:
    body: IO[bytes] = _get(client, artifact.bucket, artifact.key, artifact.etag)
    try:
        with tarfile.open(fileobj=body, mode="r|gz") as archive:
            for member in archive:
                _write_member(archive, member, folder, artifact)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise NotAnArchive(artifact.uri) from error


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, artifact: Artifact) -> None:
    """Write a file or make a folder; all else, and what lies outside, makes the archive unusable.

    Not extract() with its filter: Python 3.11 has that from 3.11.4 on, and Debian 12 has 3.11.2.
    """
    target = folder / member.name.lstrip("/")
    if not (member.isfile() or member.isdir()) or not target.resolve().is_relative_to(folder.resolve()):
        raise NotAnArchive(artifact.uri)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    with target.open("wb") as opened:
        shutil.copyfileobj(cast(IO[bytes], content), opened, CHUNK_BYTES)  # a file has content
    target.chmod((member.mode | 0o600) & 0o755)


def _get(client: "S3Client", bucket: str, key: str, etag: str | None) -> Any:
    precondition: Any = {"IfMatch": etag} if etag else {}
    return client.get_object(Bucket=bucket, Key=key, **precondition)["Body"]
