"""The sample payload of a version in the model registry: an archive with one file.

AWS: "a single gzip compressed tar archive (.tar.gz suffix)" (API: DescribeModelPackage, SamplePayloadUrl). Nothing is
written to disk: the archive is read in memory, and no more of it than an endpoint accepts.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

from lambdas.promotion.contract import smoke_test_settings

# An archive of one file that an endpoint accepts, with the overhead of a tar file.
MOST_BYTES = smoke_test_settings.MOST_BYTES + 1024**2


class BadArchive(ValueError):
    """It is not an archive, or not one of a single file that can be sent; the message completes a sentence about it."""


def only_file(archive: bytes) -> bytes:
    """Return the content of the one regular file in a .tar.gz. Raises BadArchive."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as unpacked:
            content = unpacked.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadArchive(f"is not a gzip archive ({error})") from error
    if len(content) > MOST_BYTES:
        raise BadArchive(f"has more than {MOST_BYTES} bytes after decompression")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            members = tar.getmembers()
            # A sparse file is a regular one to tarfile, and can declare a size larger than the archive.
            files = [member for member in members if member.isreg() and not member.issparse()]
            others = [member.name for member in members if member not in files and not member.isdir()]
            if others or len(files) != 1:
                raise BadArchive(f"must contain one regular file and nothing else; it contains {_listed(members)}")
            if files[0].size > smoke_test_settings.MOST_BYTES:
                raise BadArchive(
                    f"contains {files[0].size} bytes; an endpoint accepts {smoke_test_settings.MOST_BYTES}"
                )
            file = tar.extractfile(files[0])
            return file.read() if file else b""
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive(f"is not a tar archive ({error})") from error


def _listed(members: list[tarfile.TarInfo]) -> str:
    names = [member.name for member in members if not member.isdir()]
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
