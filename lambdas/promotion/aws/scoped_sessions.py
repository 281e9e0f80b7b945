"""Entering an account for one duty, with the session narrowed to this promotion.

The role's own policy says what the duty may ever do; the session policy here says what this promotion needs of it.
A call must pass both (AWS: session policies), so a fault in one promotion cannot reach another's resources.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Artifact, Execution, ImageCopy, Promotion, TrialEndpoint
from lambdas.promotion.contract.resource_names import Duty
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.images import references
from lambdas.promotion.smoke_test import payloads

# IAM's own names for characters that mean something in a policy (AWS: IAM policy elements, variables).
_LITERAL = {"*": "${*}", "?": "${?}", "$": "${$}"}
# Characters in the policy's JSON, for all the keys of the source, and for those of the target; a bucket has 63. And for
# the ARNs of all alarms.
_LONGEST_KEYS = 400
_LONGEST_ALARMS = 800
_LONGEST_FOLDER = 100
_MOST_BUCKETS = 4


def as_reader(source: Environment, *, execution: Execution, external_id: str | None) -> Account:
    """Look at models and artifacts. Not narrowed: what a model consists of is what the reader finds out."""
    return sessions.assume(
        source.role_arn(Duty.READER),
        region=source.region,
        session_name=execution.promotion_id,
        external_id=external_id,
    )


def as_onlooker(stage: Stage, target: Environment, *, execution: Execution, external_id: str | None) -> Account:
    """See one endpoint, before it is known what is promoted to it."""
    endpoints = resource_names.endpoint_arns(target.account, target.region, stage.endpoint)
    return sessions.assume(
        target.role_arn(Duty.DEPLOYER),
        region=target.region,
        session_name=execution.promotion_id,
        external_id=external_id,
        policy=_policy((["sagemaker:DescribeEndpoint"], endpoints)),
    )


def as_copier(promotion: Promotion, artifacts: Sequence[Artifact]) -> Account:
    """Read these objects in the source and write them in the target, or what has the beginning of their keys."""
    read = _beginnings((artifact.source.bucket, artifact.source.key) for artifact in artifacts)
    written = _beginnings((promotion.target.artifact_bucket, artifact.key) for artifact in artifacts)
    return _enter(
        promotion,
        promotion.source,
        Duty.COPIER,
        (["s3:GetObject*", "s3:ListObjectAnnotations"], read),
        (["s3:ListBucket"], _buckets({artifact.source.bucket for artifact in artifacts})),
        (["s3:PutObject*", "s3:ListMultipartUploadParts"], written),
        (["kms:Decrypt", "kms:GenerateDataKey"], ["*"]),
        region=promotion.target.region,
    )


def as_image_reader(promotion: Promotion, image: ImageCopy) -> Account:
    """Fetch one image in the source."""
    return _enter(
        promotion,
        promotion.source,
        Duty.READER,
        (["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [references.parse(image.source).repository_arn]),
    )


def as_pusher(promotion: Promotion, image: ImageCopy) -> Account:
    """Write into one repository of the target's registry."""
    return _enter(
        promotion, promotion.target, Duty.PUSHER, (["ecr:*"], [references.parse(image.target).repository_arn])
    )


def as_deployer(promotion: Promotion, *, also_config: str | None = None) -> Account:
    """See the artifacts and make this promotion's model, configuration and endpoint, nothing else.

    `also_config` is another configuration, to which the endpoint goes back.
    """
    target = promotion.target
    configs = [promotion.target_arn("endpoint-config", promotion.wanted_config.name)]
    if also_config:  # by hand, perhaps: IAM may see its name as requested
        configs += resource_names.resource_arns("endpoint-config", target.account, target.region, also_config)
    return _enter(
        promotion,
        target,
        Duty.DEPLOYER,
        (
            ["s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload"],
            _bucket_and(target.artifact_bucket, promotion.artifact_prefix),
        ),
        (["kms:Decrypt", "kms:CreateGrant", "ecr:BatchGetImage", "cloudwatch:DescribeAlarms"], ["*"]),
        (
            ["sagemaker:*"],
            [
                promotion.target_arn("model", promotion.wanted_model.name),
                *configs,
                *resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint),
            ],
        ),
        (["iam:PassRole"], [target.role_arn(Duty.EXECUTION)]),
    )


def as_trier(promotion: Promotion, trial: TrialEndpoint) -> Account:
    """Make and remove the trial endpoint and its configuration; the one that serves is out of reach."""
    target = promotion.target
    return _enter(
        promotion,
        target,
        Duty.DEPLOYER,
        (["kms:CreateGrant"], ["*"]),
        (
            ["sagemaker:*"],
            [promotion.target_arn("endpoint-config", trial.config), promotion.target_arn("endpoint", trial.endpoint)],
        ),
    )


def as_invoker(promotion: Promotion, *, endpoint: str | None = None) -> Account:
    """Ask this promotion's endpoint, and read what its smoke tests send from the target's buckets.

    `endpoint` is the one that is asked instead.
    """
    target = promotion.target
    asked = endpoint or promotion.stage.endpoint
    answers = [place.partition("/") for place in promotion.stage.answer_places]
    action = "sagemaker:InvokeEndpointAsync" if answers else "sagemaker:InvokeEndpoint"
    objects, _ = _payloads(promotion, in_source=False)
    return _enter(
        promotion,
        target,
        Duty.INVOKER,
        ([action], resource_names.endpoint_arns(target.account, target.region, asked)),
        (["s3:GetObject"], [*objects, *(_below(bucket, key) for bucket, _, key in answers)]),
        (["s3:ListBucket"], sorted({f"arn:aws:s3:::{bucket}" for bucket, _, _ in answers})),
        (["kms:Decrypt"], ["*"] if objects or answers else []),
    )


def as_payload_reader(promotion: Promotion) -> Account:
    """Read what the stage's smoke tests send from the source's buckets."""
    objects, buckets = _payloads(promotion, in_source=True)
    return _enter(
        promotion,
        promotion.source,
        Duty.READER,
        (["s3:GetObject"], objects),
        (["s3:ListBucket"], buckets),
        (["kms:Decrypt"], ["*"]),
    )


def _payloads(promotion: Promotion, *, in_source: bool) -> tuple[list[str], list[str]]:
    """Return the ARNs of what the smoke tests send, and of the buckets it lies in."""
    found = [place for place in payloads.places(promotion) if place.in_source is in_source]
    return _beginnings((one.bucket, one.key) for one in found), _buckets({one.bucket for one in found})


def to_read_payloads(promotion: Promotion) -> list[tuple[list[str], list[str]]]:
    """Return the statements for what the smoke tests send from the target's buckets."""
    objects, _ = _payloads(promotion, in_source=False)
    return [(["s3:GetObject"], objects), (["kms:Decrypt"], ["*"] if objects else [])]


def as_asker(promotion: Promotion, environment: Environment, duty: Duty, *more: tuple[list[str], list[str]]) -> Account:
    """Ask what the role's policies allow (IAM), and with `more` what else is there. It can change nothing."""
    own = environment.role_arn(duty)
    simulated = [own, environment.role_arn(Duty.EXECUTION)] if duty is Duty.DEPLOYER else [own]
    return _enter(promotion, environment, duty, (["iam:SimulatePrincipalPolicy"], simulated), *more)


def as_scaler(promotion: Promotion, *, alarms: Collection[str] = ()) -> Account:
    """Change how this endpoint is scaled, and put these alarms.

    IAM knows scalable targets by ids that nobody knows before they are registered. What keeps a session to its endpoint
    is that Application Auto Scaling asks for the rights on the variant as well (AWS: SageMaker, auto scaling
    prerequisites).
    """
    target = promotion.target
    place = f"{target.region}:{target.account}"
    names_of_alarms = ["".join(_LITERAL.get(character, character) for character in name) for name in alarms]
    named = [f"arn:aws:cloudwatch:{place}:alarm:{name}" for name in names_of_alarms]
    if len(json.dumps(named)) > _LONGEST_ALARMS:
        named = [f"arn:aws:cloudwatch:{place}:alarm:*"]
    return _enter(
        promotion,
        target,
        Duty.SCALER,
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


def _enter(
    promotion: Promotion,
    environment: Environment,
    duty: Duty,
    *statements: tuple[list[str], list[str]],
    region: str | None = None,
) -> Account:
    """Enter the environment's account with these rights. `region` is where to work, its own unless told."""
    return sessions.assume(
        environment.role_arn(duty),
        region=region or environment.region,
        session_name=promotion.execution.promotion_id,
        external_id=promotion.external_id,
        policy=_policy(*statements),
    )


def _beginnings(places: Iterable[tuple[str, str]]) -> list[str]:
    """Return, for each bucket, the ARN of its one object, or of all whose keys begin as these do."""
    keys: dict[str, set[str]] = {}
    for bucket, key in places:
        keys.setdefault(bucket, set()).add(key)
    if len(keys) > _MOST_BUCKETS:
        return _buckets(keys)
    longest = _LONGEST_KEYS // max(1, len(keys))
    return [_object(bucket, found, longest=longest) for bucket, found in sorted(keys.items())]


def _buckets(buckets: Collection[str]) -> list[str]:
    """Return the buckets' ARNs; of very many, one that stands for all that begin as these do, objects as well."""
    if len(buckets) > _MOST_BUCKETS:
        return [f"arn:aws:s3:::{os.path.commonprefix(list(buckets))}*"]  # noqa: RUF071 - characters, as below
    return [f"arn:aws:s3:::{bucket}" for bucket in sorted(buckets)]


def _object(bucket: str, keys: set[str], *, longest: int) -> str:
    """Return an ARN for a policy: wildcards and variables in a key stand for themselves there.

    A session policy has 2,048 characters (AWS: AssumeRole), so of a very long key only the beginning is named.
    """
    common = os.path.commonprefix(list(keys))  # noqa: RUF071 - keys are no paths: their characters are compared
    literal, room = "", longest
    for character in common:
        quoted = _LITERAL.get(character, character)
        room -= len(json.dumps(quoted)) - 2
        if room < 0:
            return f"arn:aws:s3:::{bucket}/{literal}*"
        literal += quoted
    return f"arn:aws:s3:::{bucket}/{literal}" + ("" if len(keys) == 1 else "*")


def _below(bucket: str, folder: str) -> str:
    """Return an ARN for what lies below a folder; of a very long name only the beginning is named."""
    return _object(bucket, {f"{folder}/{end}".lstrip("/") for end in "01"}, longest=_LONGEST_FOLDER)


def _bucket_and(bucket: str, prefix: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"]


def _policy(*statements: tuple[list[str], list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in statements if on],
    }
