"""Where the objects of an uncompressed model lie as files (API: S3ModelDataSource, CompressionType)."""

from collections.abc import Iterable

LONGEST_NAME_BYTES = 255


class Unplaceable(Exception):
    """An object's key cannot be a file's path; the text says why."""


def below(prefix: str, keys: Iterable[str]) -> dict[str, str]:
    """Each key and its path: what follows the prefix. Raises Unplaceable."""
    return clear({key: key.removeprefix(prefix) for key in keys})


def of_object(key: str) -> str:
    """The name of the file that one raw object becomes: the last part of its key. Raises Unplaceable."""
    name = key.rpartition("/")[2]
    return clear({key: name})[key]


def clear(paths: dict[str, str]) -> dict[str, str]:
    """The same paths, if each is a file and no two are in each other's way. Raises Unplaceable."""
    directories: dict[str, str] = {}
    files: dict[str, str] = {}
    for key, path in paths.items():
        parts = path.split("/")
        for part in parts:
            _require_name(key, part)
        for depth in range(1, len(parts)):
            directories.setdefault("/".join(parts[:depth]), key)
        if path in files:
            raise Unplaceable(f"{files[path]!r} and {key!r} would both be the file {path!r}")
        files[path] = key
    for path in files.keys() & directories.keys():
        raise Unplaceable(f"{path!r} would be a file (of {files[path]!r}) and a directory (of {directories[path]!r})")
    return paths


def _require_name(key: str, name: str) -> None:
    if not name.strip():
        raise Unplaceable(f"the key {key!r} has an empty file or directory name")
    if name in {".", ".."}:
        raise Unplaceable(f"the key {key!r} has {name!r} as a file or directory name")
    if "\0" in name:
        raise Unplaceable(f"the key {key!r} has a null byte in a file or directory name")
    if len(name.encode()) > LONGEST_NAME_BYTES:
        raise Unplaceable(f"the key {key!r} has a file or directory name of more than {LONGEST_NAME_BYTES} bytes")
