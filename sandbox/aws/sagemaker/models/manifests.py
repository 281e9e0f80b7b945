"""ManifestS3Uri: a CSV file that stores artifact locations (API: S3ModelDataSource).

AWS says no more about it. Assumed here: every cell that is an s3:// URI names an object, or, with a slash at its
end, all objects below it; they are added to what S3Uri names.
"""

import csv
from collections.abc import Iterator

from sandbox.aws.sagemaker.models import file_names
from sandbox.aws.sagemaker.models.artifacts import Artifact


def locations(text: str) -> list[tuple[str, str]]:
    """The S3 URIs in a manifest, each as bucket and key (or prefix)."""
    cells = (cell.strip() for row in csv.reader(text.splitlines()) for cell in row)
    uris = [cell.removeprefix("s3://").partition("/") for cell in cells if cell.startswith("s3://")]
    return list(dict.fromkeys((bucket, key) for bucket, _, key in uris))


def place(artifact: Artifact, bucket: str, location: str, keys: list[str]) -> Iterator[tuple[str, str]]:
    """Each object of one location with its path in the model's folder.

    Below S3Uri it is the path that it would have anyway; elsewhere a listed object goes by the last part of its key,
    a listed prefix by what follows it.
    """
    for key in keys:
        if bucket == artifact.bucket and artifact.kind == "S3Prefix" and key.startswith(artifact.key):
            yield key, key.removeprefix(artifact.key)
        elif location.endswith("/") or not location:
            yield key, key.removeprefix(location)
        else:
            yield key, file_names.of_object(key)
