"""The scaler's session: how one endpoint is scaled."""

from __future__ import annotations

import json
from collections.abc import Collection

from lambdas.promotion.aws.scoped_sessions import LITERAL, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.resource_names import Role

_LONGEST_ALARMS = 800


def scaler_session(promotion: Promotion, *, alarms: Collection[str] = ()) -> RoleSession:
    """Change how this endpoint is scaled, and put these alarms.

    IAM knows scalable targets by ids that nobody knows before they are registered. What keeps a session to its endpoint
    is that Application Auto Scaling asks for the rights on the variant as well (AWS: SageMaker, auto scaling
    prerequisites).
    """
    target = promotion.target
    place = f"{target.region}:{target.account}"
    names_of_alarms = ["".join(LITERAL.get(character, character) for character in name) for name in alarms]
    named = [f"arn:aws:cloudwatch:{place}:alarm:{name}" for name in names_of_alarms]
    if len(json.dumps(named)) > _LONGEST_ALARMS:
        named = [f"arn:aws:cloudwatch:{place}:alarm:*"]
    return scoped_session(
        promotion,
        target,
        Role.SCALER,
        (["application-autoscaling:*", "cloudwatch:DescribeAlarms"], ["*"]),
        (
            ["sagemaker:*"],
            [
                *resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint),
                f"arn:aws:sagemaker:{place}:endpoint-config/*",
            ],
        ),
        (
            ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
            [resource_names.scaling_alarm_arns(target.account, target.region, promotion.stage.endpoint)],
        ),
        (["cloudwatch:PutMetricAlarm"], named),
        (["iam:CreateServiceLinkedRole"], [resource_names.scaling_service_role_arn(target.account)]),
    )
