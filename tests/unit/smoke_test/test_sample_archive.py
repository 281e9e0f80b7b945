"""The archive with a version's sample payload: one file is extracted, and nothing else."""

from __future__ import annotations

import gzip
import io
import itertools
import tarfile

import pytest

from lambdas.promotion.contract import smoke_test_settings
from lambdas.promotion.smoke_test import sample_archive
from lambdas.promotion.smoke_test.sample_archive import BadArchive


def archive(*members: tuple[str, bytes | None, bytes]) -> bytes:
    """Return a .tar.gz of members: name, content or None, and the type."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(data or b"")
            info.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return content.getvalue()


def headers_of_headers(kind: bytes) -> bytes:
    """Return an archive in which each header belongs to the next: tarfile reads them by recursion."""
    header = tarfile.TarInfo("name")
    header.type, header.size = kind, 1
    return gzip.compress((header.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 2000)


FILE = ("payload.csv", b"a fine film", tarfile.REGTYPE)
FOLDER = ("samples", None, tarfile.DIRTYPE)


def test_the_single_file_is_extracted_whatever_its_path() -> None:
    assert sample_archive.only_file(archive(FILE)) == b"a fine film"
    assert (
        sample_archive.only_file(archive(FOLDER, ("samples/../../../etc/x", b"in memory", tarfile.REGTYPE)))
        == b"in memory"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a fine film", "is not a gzip archive"),
        (archive(FILE)[:40], "is not a gzip archive"),
        (gzip.compress(b"a fine film"), "is not a tar archive"),
        (archive(), "it contains nothing"),
        (archive(FOLDER), "it contains nothing"),
        (archive(FILE, ("other.csv", b"x", tarfile.REGTYPE)), "it contains 'payload.csv', 'other.csv'"),
        (archive(("link", None, tarfile.SYMTYPE)), "it contains 'link'"),
        (archive(FILE, ("link", None, tarfile.LNKTYPE)), "it contains 'payload.csv', 'link'"),
        (archive(("null", None, tarfile.CHRTYPE)), "it contains 'null'"),
        (headers_of_headers(tarfile.GNUTYPE_LONGNAME), "is not a tar archive"),
        (headers_of_headers(tarfile.XHDTYPE), "is not a tar archive"),
        (archive(*((str(number), b"x", tarfile.REGTYPE) for number in range(5))), "'3', '4'$"),
        (archive(*((str(number), b"x", tarfile.REGTYPE) for number in range(6))), "'3', '4' and 1 more$"),
    ],
    ids=itertools.count(),  # not of the content: an archive tells the time when it was made
)
def test_any_other_archive_is_refused_with_its_content(content: bytes, message: str) -> None:
    with pytest.raises(BadArchive, match=message):
        sample_archive.only_file(content)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (200 * 1024**2), compresslevel=9)
    assert len(bomb) < sample_archive.MOST_BYTES
    bomb = bomb[:-8]  # whoever unpacks it to its end sees that there is none
    with pytest.raises(BadArchive, match="more than"):
        sample_archive.only_file(bomb)


def test_an_archive_may_have_an_empty_file() -> None:
    assert sample_archive.only_file(archive(("empty", b"", tarfile.REGTYPE))) == b""


def test_an_archive_in_an_archive_is_no_archive_of_a_file() -> None:
    """Another compression within the gzip archive could unpack to any size."""
    with pytest.raises(BadArchive, match="is not a tar archive"):
        sample_archive.only_file(gzip.compress(archive(FILE)))


def test_an_archive_of_the_largest_size_is_read() -> None:
    padded = gzip.decompress(archive(FILE)).ljust(sample_archive.MOST_BYTES, b"\0")
    assert sample_archive.only_file(gzip.compress(padded)) == b"a fine film"


def test_a_file_of_the_largest_size_is_extracted() -> None:
    content = b"x" * smoke_test_settings.MOST_BYTES
    assert sample_archive.only_file(archive(("large", content, tarfile.REGTYPE))) == content


def test_a_file_that_exceeds_the_limit_is_refused() -> None:
    content = b"x" * (smoke_test_settings.MOST_BYTES + 1)
    with pytest.raises(BadArchive, match="an endpoint accepts 6291456"):
        sample_archive.only_file(archive(("large", content, tarfile.REGTYPE)))
