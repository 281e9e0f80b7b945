"""What lies at each address of a model, looked up in the source with the reader's role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lambdas.promotion import rules, sources
from lambdas.promotion.definition import Address, AddressKind
from lambdas.promotion.errors import ArtifactNotFound
from lambdas.promotion.inventory import Found

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def find_all(addresses: Iterable[Address], *, owner: str, s3: S3Client) -> dict[str, Found]:
    """Return what lies at each address. Raises ArtifactNotFound, ArtifactChanged; a missing right is AccessDenied."""
    return {address.uri: _find(address, owner=owner, s3=s3) for address in addresses}


def _find(address: Address, *, owner: str, s3: S3Client) -> Found:
    if address.kind is not AddressKind.PREFIX:
        found = sources.find(address.uri, owner=owner, s3=s3)
        if found:
            rules.require_pinned(address, found)
            return Found(objects=(found,))
    if address.kind not in {AddressKind.PREFIX, AddressKind.EITHER}:
        raise _missing(address, owner, "no such object")
    bucket, prefix = sources.split_uri(address.uri)
    prefix = prefix if prefix.endswith("/") else f"{prefix}/"
    objects = tuple(sources.listed(bucket, prefix, owner=owner, s3=s3))
    if not objects:
        what = "nothing below it" if address.kind is AddressKind.PREFIX else "neither such an object nor anything below"
        raise _missing(address, owner, what)
    return Found(objects=objects, prefix=prefix)


def _missing(address: Address, owner: str, what: str) -> ArtifactNotFound:
    stands = f" ({address.where})" if address.where else ""
    return ArtifactNotFound(
        f"The model needs {address.uri}{stands}, and account {owner} has {what}. "
        "Restore it or register the model again."
    )
