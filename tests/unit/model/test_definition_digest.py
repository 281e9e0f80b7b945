"""The digest of a model: equal for equal models wherever they lie, and different for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from tests.unit.builders import CONTAINER, IMAGE, SOURCE_URI, WEIGHTS_URI, described, model_definition, pipeline

ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"
TREE_URI = "s3://models/llm/"
CONTENTS = {WEIGHTS_URI: "weights", SOURCE_URI: "source", TREE_URI: "tree"}


def digest(model: Definition, contents: Mapping[str, str] | None = None, *, role: str = ROLE) -> str:
    return definition.digest(model, {**CONTENTS, **(contents or {})}, execution_role_arn=role)


def digest_of(contents: Mapping[str, str] | None = None, **container: Any) -> str:
    return digest(model_definition(**container), contents)


def test_the_digest_does_not_depend_on_the_order_of_fields() -> None:
    turned = dict(reversed(CONTAINER["Environment"].items()))
    assert digest_of(Environment=turned) == digest_of()


def test_the_digest_does_not_depend_on_where_the_artifacts_are_stored() -> None:
    elsewhere, tree = "s3://another-bucket/model.tar.gz", "s3://another/"
    before = digest_of(Environment={"CONFIG": f'{{"a": "{TREE_URI}x"}}'}, contents={f"{TREE_URI}x": "x"})
    after = digest_of(
        ModelDataUrl=elsewhere,
        Environment={"CONFIG": f'{{"a": "{tree}y"}}'},
        contents={elsewhere: "weights", f"{tree}y": "x"},
    )
    assert after == before


@pytest.mark.parametrize(
    "change",
    [
        {"Image": f"{IMAGE}.1"},
        {"ContainerHostname": "one"},
        {"ImageConfig": {"RepositoryAccessMode": "Platform"}},
        {"ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricsEndpointPath": "/m"}]}},
        {"Mode": "MultiModel", "ModelDataUrl": TREE_URI},
        {"MultiModelConfig": {"ModelCacheSetting": "Disabled"}},
        {"Environment": {**CONTAINER["Environment"], "SAGEMAKER_PROGRAM": "other.py"}},
        {"Environment": {**CONTAINER["Environment"], "MORE": "1"}},
        {"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": SOURCE_URI}},
        {"ModelDataUrl": SOURCE_URI},
        {"ModelDataUrl": ""},
    ],
    ids="-".join,
)
def test_each_carried_field_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest_of(**change) != digest_of()


def test_the_same_files_in_another_form_are_another_model() -> None:
    def tree(compression: str) -> dict[str, Any]:
        return {"S3DataSource": {"S3Uri": TREE_URI, "S3DataType": "S3Prefix", "CompressionType": compression}}

    assert digest_of(ModelDataUrl="", ModelDataSource=tree("None")) != digest_of(
        ModelDataUrl="", ModelDataSource=tree("Gzip")
    )


def test_the_order_of_containers_changes_the_digest() -> None:
    other = {"Image": f"{IMAGE}.1"}
    assert digest(pipeline(CONTAINER, other)) != digest(pipeline(other, CONTAINER))


def test_how_containers_are_called_changes_the_digest() -> None:
    serial, direct = (pipeline(CONTAINER, InferenceExecutionConfig={"Mode": mode}) for mode in ("Serial", "Direct"))
    assert len({digest(pipeline(CONTAINER)), digest(serial), digest(direct), digest(model_definition())}) == 4


def test_network_isolation_changes_the_digest() -> None:
    isolated = definition.of_model({**described(), "EnableNetworkIsolation": True}, {}, subject="it")
    assert digest(isolated) != digest_of()


def test_the_vpc_changes_the_digest() -> None:
    assert (
        digest(replace(model_definition(), vpc={"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})) != digest_of()
    )


def test_the_order_of_subnets_and_security_groups_does_not_change_the_digest() -> None:
    network = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1", "sg-2"]}
    turned = {field: names[::-1] for field, names in network.items()}
    assert digest(replace(model_definition(), vpc=network)) == digest(replace(model_definition(), vpc=turned))


def test_the_execution_role_changes_the_digest() -> None:
    assert digest(model_definition(), role=f"{ROLE}-2") != digest_of()


@pytest.mark.parametrize("uri", [WEIGHTS_URI, SOURCE_URI])
def test_another_content_at_the_same_s3_uri_changes_the_digest(uri: str) -> None:
    assert digest_of({uri: "other"}) != digest_of()


def test_exchanged_artifacts_change_the_digest() -> None:
    assert digest_of({WEIGHTS_URI: "source", SOURCE_URI: "weights"}) != digest_of()


def test_an_s3_uri_that_was_never_resolved_is_a_fault_not_another_digest() -> None:
    with pytest.raises(KeyError):
        definition.digest(model_definition(), {}, execution_role_arn=ROLE)
