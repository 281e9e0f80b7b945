"""The scaler's session: the automatic scaling of one endpoint."""

from __future__ import annotations

import json
from collections.abc import Collection

from lambdas.promotion.aws.scoped_sessions import LITERAL, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role

_LOOKING = (
    "application-autoscaling:Describe*",
    "application-autoscaling:ListTagsForResource",
    "cloudwatch:DescribeAlarms",
)
_REGISTERING = (
    "application-autoscaling:Put*",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
)
# Characters of the alarms' ARNs, and of those of the targets.
_LONGEST = 800


def scaler_session(
    promotion: Promotion, *, alarms: Collection[str] = (), deregistered: Collection[str] = ()
) -> RoleSession:
    """Register automatic scaling of this endpoint, put these alarms and deregister the targets with these ARNs.

    The ARN of a scalable target contains an id that does not exist before its registration. What registers is limited
    to its endpoint because Application Auto Scaling requires the permissions on the variant as well (AWS: SageMaker,
    auto scaling prerequisites). A target from before they had ARNs has an empty one.
    """
    target = promotion.target
    region_and_account = f"{target.region}:{target.account}"
    alarm_names = ["".join(LITERAL.get(character, character) for character in name) for name in alarms]
    alarm_arns = [f"arn:aws:cloudwatch:{region_and_account}:alarm:{name}" for name in alarm_names]
    if len(json.dumps(alarm_arns)) > _LONGEST:
        alarm_arns = [f"arn:aws:cloudwatch:{region_and_account}:alarm:*"]
    target_arns = sorted(deregistered)
    if "" in target_arns or len(json.dumps(target_arns)) > _LONGEST:
        target_arns = [f"arn:aws:application-autoscaling:{region_and_account}:scalable-target/*"]
    return scoped_session(
        promotion,
        target,
        Role.SCALER,
        ([*_LOOKING, *_REGISTERING], ["*"]),
        (["application-autoscaling:DeregisterScalableTarget"], target_arns),
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
