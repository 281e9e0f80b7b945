"""What is copied from the source to the target, how, and what was verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract.document.model import S3Object
from lambdas.promotion.contract.document.progress import Leg
from lambdas.promotion.contract.document.serialization import to_json
from lambdas.promotion.contract.settings import Environment


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An object that the model needs, and its key in the target's bucket.

    `text`: the content if it is not the source's own, but has its S3 URIs rewritten; `source` then has the size and
    the checksum of that text.
    """

    source: S3Object
    key: str
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How an artifact is copied: by one work unit, or by several that copy parts of an open upload.

    `exists`: it needs no copy. `copy_algorithm`: that of the existing copy's full-object checksum, if it has one.
    """

    artifact: Artifact
    exists: bool = False
    upload_id: str | None = None
    part_size: int | None = None
    copy_algorithm: str | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A transfer in a work unit: all of it, or its parts from `first` to `last`, which count from 1."""

    transfer: Transfer
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, kw_only=True)
class WorkUnit:
    """What one run of the copying step does."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """How many objects the model needs, and their bytes. Their list is stored in the hub's bucket (work_lists.py)."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class CopyRoute:
    """Source and target of a copy. `tags`, `annotations`: whether those of an object are copied as well."""

    source: Environment
    target: Environment
    tags: bool = False
    annotations: bool = False


@dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """What is to be copied in this leg, and in how many work units; `manifest` is the key of the Map's list of them.

    `uploads`: how many of the objects are shared by several work units. The others pass both legs in one.
    `only_unit`: the bytes of the work unit in its list, if there is one only. `to_verify`: the key of the list of work
    units whose copies are verified by a Map; empty if one step can verify all.
    """

    leg: Leg
    objects: int
    bytes: int
    uploads: int
    work_units: int
    manifest: str
    only_unit: int = 0
    to_verify: str = ""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What this execution has copied, by the answers of its steps: a run that was killed has given none."""

    objects: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class CopyVerification:
    """How many copies have the checksum of their source, and of how many only the size could be compared.

    If the source has no full-object checksum, S3 computes one for the copy: it proves that the copy does not change,
    not that it equals the source.
    """

    compared: int = 0
    computed: int = 0


@dataclass(frozen=True, kw_only=True)
class VerifiedCopy:
    """A copy as it was verified: the version of the object at its key, which never has other content."""

    key: str
    version_id: str
    size: int
    checksum: str | None = None


@dataclass(frozen=True, kw_only=True)
class VerifiedCopies:
    """The copies that a model is loaded from: in which bucket, how many, and the SHA-256 (hex) of their list.

    The list is stored in the hub's bucket (verified_copies.py), and is never changed: the digest is its name.
    """

    bucket: str
    objects: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ImageCopy:
    """A private image, by its URI with digest in the source's and in the target's image registry.

    `copied`: whether this promotion copied it; None before the copy.
    """

    source: str
    target: str
    copied: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return to_json(self)
