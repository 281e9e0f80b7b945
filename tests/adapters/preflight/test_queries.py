"""Queries about the target, beside the permissions."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.promotion.aws import error_translation
from lambdas.promotion.preflight import queries
from lambdas.promotion.preflight.checks import alarms
from lambdas.promotion.preflight.context import ArtifactKey
from lambdas.promotion.preflight.findings import Inconclusive
from tests.adapters.conftest import Stubs


def client(stubs: Stubs, service: str) -> Any:
    made = stubs.of(service).client
    error_translation.translate_errors(made, "The role deployer")
    return made


def test_a_key_is_known_by_its_alias(stubs: Stubs) -> None:
    metadata = {"KeyId": "k", "Arn": "arn:aws:kms:us-east-1:333333333333:key/k", "KeyState": "Disabled"}
    stubs.of("kms").add_response("describe_key", {"KeyMetadata": metadata}, {"KeyId": "alias/promote-qa"})
    key = queries.key_of("alias/promote-qa", kms=client(stubs, "kms"))
    assert key == ArtifactKey(arn="arn:aws:kms:us-east-1:333333333333:key/k", state="Disabled")


def test_scalable_targets_are_asked_for_by_variant(stubs: Stubs) -> None:
    stubs.of("application-autoscaling").add_response(
        "describe_scalable_targets",
        {
            "ScalableTargets": [
                {
                    "ServiceNamespace": "sagemaker",
                    "ResourceId": "endpoint/reviews/variant/B",
                    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                    "MinCapacity": 1,
                    "MaxCapacity": 4,
                    "RoleARN": "arn:aws:iam::333333333333:role/scaling",
                    "CreationTime": 0,
                }
            ]
        },
        {
            "ServiceNamespace": "sagemaker",
            "ResourceIds": ["endpoint/reviews/variant/A", "endpoint/reviews/variant/B"],
        },
    )
    targets = queries.scalable_targets("reviews", ["A", "B"], client=client(stubs, "application-autoscaling"))
    assert targets == ["endpoint/reviews/variant/B"]


def test_alarms_are_asked_for_by_name_both_kinds(stubs: Stubs) -> None:
    stubs.of("cloudwatch").add_response(
        "describe_alarms",
        {
            "MetricAlarms": [{"AlarmName": "errors", "StateValue": "OK"}],
            "CompositeAlarms": [{"AlarmName": "both", "StateValue": "ALARM"}],
        },
        {"AlarmNames": ["errors", "both", "none"], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
    )
    states = alarms.alarm_states(["errors", "both", "none"], client=client(stubs, "cloudwatch"))
    assert states == {"errors": "OK", "both": "ALARM"}


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 400), ("UnknownOperationException", 404)])
def test_a_query_without_a_response_is_inconclusive(stubs: Stubs, code: str, status: int) -> None:
    stubs.of("kms").add_client_error("describe_key", code, "No.", status)
    ask = functools.partial(queries.key_of, "alias/promote-qa", kms=client(stubs, "kms"))
    result = queries.run_query(ask, "The key")
    assert isinstance(result, Inconclusive)
    assert str(result).startswith("The key: AWS gave no answer")


def test_a_region_without_the_service_is_no_answer_either() -> None:
    def ask() -> None:
        raise EndpointConnectionError(endpoint_url="https://servicequotas.example")

    assert isinstance(queries.run_query(ask, "The quotas"), Inconclusive)


def test_a_fault_of_our_own_is_not_taken_for_a_missing_answer() -> None:
    def ask() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        queries.run_query(ask, "The quotas")
