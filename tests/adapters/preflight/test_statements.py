"""A check states what its query session must allow: exactly the calls that its probes make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes, error_translation, sessions
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight.access import Purpose, SessionKey
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.checks import CHECKS
from lambdas.promotion.preflight.context import ArtifactKey, Context
from tests.unit.builders import STAGE, promotion

ALARM = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
# The quota of the second type has no code: it is searched for.
TYPES = [
    {"VariantName": "A", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
    {"VariantName": "B", "InstanceType": "ml.m99.large", "InitialInstanceCount": 1},
]
# Operations whose permission has another name (AWS: Service Authorization Reference).
OF_NAME = {"HeadObject": "GetObject"}
# Reading what a key encrypts is a call of S3's, not of the probe's.
OF_SERVICES = {"kms:Decrypt"}
IN_QUERY_SESSION = [check for check in CHECKS if check.purpose is Purpose.QUERY]


class Recording(sessions.RoleSession):
    """A session whose calls are recorded, and find nothing."""

    def __init__(self, calls: set[str]) -> None:
        super().__init__("arn:aws:iam::333333333333:role/r", boto3.Session("key", "secret"), "us-east-1")
        self._calls = calls

    def _client(self, service: Any, config: Any) -> Any:
        client = super()._client(service, config)

        def record(model: Any, **_: Any) -> None:
            prefix = error_translation._action(model).partition(":")[0]
            self._calls.add(f"{prefix}:{OF_NAME.get(model.name, model.name)}")
            missing = error_codes.SERVICE_QUOTAS_NO_SUCH_RESOURCE
            raise ClientError({"Error": {"Code": missing, "Message": ""}}, model.name)

        client.meta.events.register("before-call", record)
        return client


def everything() -> Any:
    """Return a promotion to which each check of a query session applies."""
    test = SmokeTest(payload=Payload(bucket="b", key="k"), content_type="text/csv")
    stage = replace(STAGE, preview=Preview(), smoke_tests=(test,), deployment_config=ALARM)
    plain = promotion(stage=stage)
    config = {**plain.desired_config.request, "ProductionVariants": TYPES}
    return replace(plain, desired_config=replace(plain.desired_config, request=config))


def called(check: Check) -> set[str]:
    calls: set[str] = set()
    context = Context(
        promotion=everything(),
        key=ArtifactKey(arn="arn", state="Enabled"),
        sessions={SessionKey(role=check.role, purpose=check.purpose): Recording(calls)},
    )
    for probe in check.probes(context):
        probe()
    return calls


@pytest.mark.parametrize("check", IN_QUERY_SESSION, ids=lambda check: check.title)
def test_a_check_states_the_permissions_of_its_own_calls_and_no_others(check: Check) -> None:
    stated = {action for actions, _ in check.statements(everything()) for action in actions}
    assert stated - OF_SERVICES == called(check)


def test_the_calls_of_the_checks_are_recorded() -> None:
    calls = {call for check in IN_QUERY_SESSION for call in called(check)}
    assert {"cloudwatch:DescribeAlarms", "servicequotas:ListServiceQuotas", "s3:GetObject"} <= calls
