"""The digest of a model: equal for equal models wherever they lie, and different for everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion import definition
from lambdas.promotion.document import S3Object
from tests.unit.given import (
    CONTAINER,
    IMAGE,
    OBJECTS,
    SOURCE,
    SOURCE_URI,
    WEIGHTS,
    WEIGHTS_URI,
    defined,
    described,
)

ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"


def digest_of(objects: dict[str, S3Object] | None = None, *, role: str = ROLE, **container: Any) -> str:
    return definition.digest(defined(**container), {**OBJECTS, **(objects or {})}, execution_role_arn=role)


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    turned = dict(reversed(CONTAINER["Environment"].items()))
    assert digest_of(Environment=turned) == digest_of()


def test_the_digest_does_not_depend_on_where_the_artifacts_lie() -> None:
    elsewhere = "s3://another-bucket/model.tar.gz"
    moved = replace(WEIGHTS, bucket="another-bucket", key="model.tar.gz", etag='"cc"')
    assert digest_of({elsewhere: moved}, ModelDataUrl=elsewhere) == digest_of()


@pytest.mark.parametrize(
    "change",
    [
        {"Image": f"{IMAGE}.1"},
        {"ContainerHostname": "one"},
        {"ImageConfig": {"RepositoryAccessMode": "Platform"}},
        {"Environment": {**CONTAINER["Environment"], "SAGEMAKER_PROGRAM": "other.py"}},
        {"Environment": {**CONTAINER["Environment"], "MORE": "1"}},
        {"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": SOURCE_URI}},
        {"ModelDataUrl": SOURCE_URI},
        {"ModelDataUrl": ""},
    ],
    ids="-".join,
)
def test_each_carried_member_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest_of(**change) != digest_of()


def test_network_isolation_changes_the_digest() -> None:
    isolated = definition.of_model({**described(), "EnableNetworkIsolation": True}, None, where="it")
    assert definition.digest(isolated, OBJECTS, execution_role_arn=ROLE) != digest_of()


def test_the_execution_role_changes_the_digest() -> None:
    assert digest_of(role=f"{ROLE}-2") != digest_of()


@pytest.mark.parametrize(("uri", "found"), [(WEIGHTS_URI, WEIGHTS), (SOURCE_URI, SOURCE)])
def test_other_bytes_at_the_same_address_change_the_digest(uri: str, found: S3Object) -> None:
    assert digest_of({uri: replace(found, checksum="CRC64NVME:CCCCCCCCCCA=")}) != digest_of()


@pytest.mark.parametrize("change", [{"etag": '"cc"'}, {"version_id": "2"}])
def test_without_a_checksum_etag_and_version_stand_for_the_content(change: dict[str, Any]) -> None:
    plain = replace(WEIGHTS, checksum=None)
    assert digest_of({WEIGHTS_URI: replace(plain, **change)}) != digest_of({WEIGHTS_URI: plain})


def test_exchanged_artifacts_change_the_digest() -> None:
    exchanged = {WEIGHTS_URI: SOURCE, SOURCE_URI: WEIGHTS}
    assert digest_of(exchanged) != digest_of()
