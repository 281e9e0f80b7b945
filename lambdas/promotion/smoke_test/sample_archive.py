"""The sample payload of a version in the registry: an archive with one file.

AWS: "a single gzip compressed tar archive (.tar.gz suffix)" (API: DescribeModelPackage, SamplePayloadUrl). Nothing is
written anywhere: the archive is read in memory, and no more of it than an endpoint takes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

from lambdas.promotion.contract import smoke_test_settings

# An archive of one file that an endpoint takes, with what a tar file has around it.
MOST_BYTES = smoke_test_settings.MOST_BYTES + 1024**2


class BadArchive(ValueError):
    """The archive is none, or not of one file that can be sent; the message ends a sentence that names it."""


def only_file(archive: bytes) -> bytes:
    """Return the content of the one regular file in a .tar.gz. Raises BadArchive."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as unpacked:
            content = unpacked.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadArchive(f"is no gzip archive ({error})") from error
    if len(content) > MOST_BYTES:
        raise BadArchive(f"has more than {MOST_BYTES} bytes when it is unpacked")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            members = tar.getmembers()
            # A sparse file is a regular one to tarfile, and can say to be larger than the archive.
            files = [one for one in members if one.isreg() and not one.issparse()]
            others = [one.name for one in members if one not in files and not one.isdir()]
            if others or len(files) != 1:
                raise BadArchive(f"must hold one regular file and nothing else; it holds {_listed(members)}")
            if files[0].size > smoke_test_settings.MOST_BYTES:
                raise BadArchive(f"holds {files[0].size} bytes; an endpoint takes {smoke_test_settings.MOST_BYTES}")
            file = tar.extractfile(files[0])
            return file.read() if file else b""
    except (tarfile.TarError, ValueError, OverflowError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive(f"is no tar archive ({error})") from error


def _listed(members: list[tarfile.TarInfo]) -> str:
    names = [one.name for one in members if not one.isdir()]
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
