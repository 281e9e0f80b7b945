"""The scaler's session: the automatic scaling of one endpoint."""

from __future__ import annotations

import json
from collections.abc import Collection

from lambdas.promotion.aws.scoped_sessions import LITERAL, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role

_LONGEST_ALARMS = 800


def scaler_session(promotion: Promotion, *, alarms: Collection[str] = ()) -> RoleSession:
    """Change the automatic scaling of this endpoint, and put these alarms.

    The ARN of a scalable target contains an id that does not exist before its registration. The session is limited to
    its endpoint because Application Auto Scaling requires the permissions on the variant as well (AWS: SageMaker, auto
    scaling prerequisites).
    """
    target = promotion.target
    region_and_account = f"{target.region}:{target.account}"
    alarm_names = ["".join(LITERAL.get(character, character) for character in name) for name in alarms]
    alarm_arns = [f"arn:aws:cloudwatch:{region_and_account}:alarm:{name}" for name in alarm_names]
    if len(json.dumps(alarm_arns)) > _LONGEST_ALARMS:
        alarm_arns = [f"arn:aws:cloudwatch:{region_and_account}:alarm:*"]
    return scoped_session(
        promotion,
        target,
        Role.SCALER,
        (["application-autoscaling:*", "cloudwatch:DescribeAlarms"], ["*"]),
        (
            ["sagemaker:*"],
            [
                *resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint),
                f"arn:aws:sagemaker:{region_and_account}:endpoint-config/*",
            ],
        ),
        (
            ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
            [resource_names.scaling_alarm_arns(target.account, target.region, promotion.stage.endpoint)],
        ),
        (["cloudwatch:PutMetricAlarm"], alarm_arns),
        (["iam:CreateServiceLinkedRole"], [resource_names.scaling_service_role_arn(target.account)]),
    )
