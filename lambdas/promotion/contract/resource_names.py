"""The one place for names that IAM, CDK and the code share. A role or bucket has the same name in every deployment.

Names are fixed because accounts cannot look into each other: a policy in one account names a role of another.
"""

from __future__ import annotations

import enum
import re

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import Function, Job, Step, function_of

PRODUCT = "promote"
STATE_MACHINE = PRODUCT
BUS = PRODUCT
ARTIFACT_PREFIX = "artifacts"
INCOMING_PREFIX = "incoming"
IMAGE_PREFIX = PRODUCT
WORK_LISTS_PREFIX = "promotions"
# The folders of a promotion's work lists that hold a list of each work unit.
OBSERVED_FOLDER, VERIFIED_FOLDER = "observed", "verified"
VERIFIED_PREFIX = "verified"
ENDPOINTS_TABLE = f"{PRODUCT}-endpoints"
RECORDS_TABLE = f"{PRODUCT}-records"
TOPIC = f"{PRODUCT}-outcomes"
NAMESPACE = PRODUCT.title()
_PREVIEW = "preview-"
TAG_PREFIX = "promote:"
MADE_AT_TAG = f"{TAG_PREFIX}made-at"
SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_SERVICE_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
JUMPSTART_BUCKETS = ("jumpstart-cache-prod-", "jumpstart-private-cache-prod-", "sagemaker-sd-models-prod-")


class Metric(enum.StrEnum):
    """What is counted (metrics.py) and looked at by alarms and the dashboard, in the namespace above."""

    PROMOTION_OUTCOME = "PromotionOutcome"
    PROMOTION_SECONDS = "PromotionSeconds"
    OBJECTS_COPIED = "ObjectsCopied"
    BYTES_COPIED = "BytesCopied"
    OLDEST_LOCK_SECONDS = "OldestLockSeconds"
    CHANGED_ARTIFACTS = "ChangedArtifacts"


def hub_stack() -> str:
    return f"{PRODUCT}-hub"


def environment_stack(environment: str) -> str:
    return f"{PRODUCT}-{environment}"


def function(step: Step | Job | Function) -> str:
    """The name of a function, or of the one that runs a step or a job."""
    runs = step if isinstance(step, Function) else function_of(step)
    return f"{PRODUCT}-{runs.value.replace('_', '-')}"


def step_role_arn(hub_account: str, step: Step | Job | Function) -> str:
    """ARN of the role that a step's or a job's Lambda runs with, in the hub."""
    return f"arn:aws:iam::{hub_account}:role/{function(step)}"


def environment_role(environment: str, role: Role) -> str:
    return f"{PRODUCT}-{environment}-{role}"


def environment_role_arn(account: str, environment: str, role: Role) -> str:
    return f"arn:aws:iam::{account}:role/{environment_role(environment, role)}"


def artifact_bucket(environment: str, account: str, region: str) -> str:
    return f"{PRODUCT}-{environment}-{account}-{region}"


def hub_bucket(account: str, region: str) -> str:
    """The bucket in the hub with the lists that are too long for a state: what is copied, and how."""
    return f"{PRODUCT}-hub-{account}-{region}"


def is_own_bucket(bucket: str) -> bool:
    """Whether a bucket has the form of the two names above, whatever the environment, the account and the Region.

    Buckets are retained, so an environment that is no longer configured may have one.
    """
    return re.fullmatch(rf"{PRODUCT}-[a-z0-9-]+-[0-9]{{12}}-[a-z0-9-]+", bucket) is not None


def work_lists_prefix(promotion_id: str) -> str:
    """Key prefix, with its slash, of one promotion's lists in the hub's bucket."""
    return f"{WORK_LISTS_PREFIX}/{promotion_id}/"


def verified_list(sha256: str) -> str:
    """Key, in the hub's bucket, of a list of verified copies, by the digest (hex) of its content."""
    return f"{VERIFIED_PREFIX}/{sha256}.jsonl"


def artifact_folder(key: str) -> str:
    """The folder, with its slash, of one S3 URI of a model in which an artifact is stored (inventory.py)."""
    return f"{'/'.join(key.split('/')[:4])}/"


def jumpstart_buckets(region: str) -> list[str]:
    """AWS's own buckets with the models of SageMaker JumpStart in a Region (jumpstart.py)."""
    return [f"{beginning}{region}" for beginning in JUMPSTART_BUCKETS]


def artifact_key_alias(environment: str) -> str:
    return f"alias/{PRODUCT}-{environment}"


def image_repository(repository: str) -> str:
    """The repository in a target's registry that holds copies of the images of a source's repository."""
    return repository if repository.startswith(f"{IMAGE_PREFIX}/") else f"{IMAGE_PREFIX}/{repository}"


def stage_prefix(application: str, stage: str) -> str:
    """Key prefix, with its slash, of everything that one stage keeps in its artifact bucket."""
    return f"{ARTIFACT_PREFIX}/{application}/{stage}/"


def incoming_prefix(source: str) -> str:
    """Key prefix, with its slash, of what one source writes into a target's artifact bucket. No model is read here."""
    return f"{INCOMING_PREFIX}/{source}/"


def incoming_stage_prefix(source: str, application: str, stage: str) -> str:
    """The part of it, with its slash, that one stage receives its artifacts from."""
    return f"{incoming_prefix(source)}{application}/{stage}/"


def resource_name_prefix(application: str, stage: str) -> str:
    """What the names of a stage's models and configurations begin with; the deployer's permissions end there.

    The rest of SageMaker's 63 characters is a hyphen, 14 for a time, a hyphen and 12 for a digest.
    """
    return f"{application}-{stage}"[:35].rstrip("-") + "-"


def preview_config(application: str, stage: str, digest: str) -> str:
    """The configuration of a stage's preview endpoint.

    It begins as all of the stage's; the rest is shorter than in any other, so a permission to delete fits these only.
    """
    return f"{resource_name_prefix(application, stage)}{_PREVIEW}{digest[:12]}"


def preview_endpoint(endpoint: str, digest: str) -> str:
    """The temporary endpoint on which a model is tried before this one gets it; at most 63 characters."""
    return f"{preview_endpoint_prefix(endpoint)}{digest[:12]}"


def preview_endpoint_prefix(endpoint: str) -> str:
    """What the names of an endpoint's previews begin with; two endpoints with long names may have the same."""
    return f"{endpoint.lower()[:42].rstrip('-')}-{_PREVIEW}"


# For a policy: the digest is any 12 characters.
ANY_DIGEST = "?" * 12


def endpoint_arns(account: str, region: str, endpoint: str) -> list[str]:
    """ARNs for permissions on an endpoint."""
    return resource_arns("endpoint", account, region, endpoint)


def resource_arns(kind: str, account: str, region: str, name: str) -> list[str]:
    """ARNs for permissions: SageMaker writes ARNs in lower case, but IAM may see the name as requested."""
    spellings = dict.fromkeys((name, name.lower()))
    return [f"arn:aws:sagemaker:{region}:{account}:{kind}/{spelling}" for spelling in spellings]


def endpoint_key(account: str, region: str, endpoint: str) -> str:
    """The key of an endpoint's item in the hub's table. SageMaker does not tell two spellings of a name apart."""
    return f"{account}/{region}/{endpoint.lower()}"


def state_machine_arn(account: str, region: str) -> str:
    return f"arn:aws:states:{region}:{account}:stateMachine:{STATE_MACHINE}"


def start_arn(account: str, region: str, alias: str) -> str:
    """What an execution is started by: the alias of the state machine that a group of stages has."""
    return f"{state_machine_arn(account, region)}:{alias}"


def topic_arn(account: str, region: str) -> str:
    """The topic on which outcomes are announced and alarms act: the hub's, or an environment's own."""
    return f"arn:aws:sns:{region}:{account}:{TOPIC}"


def environment_topic(environment: str) -> str:
    """The topic of an environment whose alarms cannot reach the hub's: it is in another Region."""
    return f"{PRODUCT}-{environment}-alarms"


def approval_rule(application: str) -> str:
    """The rule in the hub that starts the application's first stage."""
    return f"{PRODUCT}-approved-{application}"


def endpoint_states_rule(environment: str) -> str:
    """The rule in a target, or with a number after it another one, that forwards the states of its endpoints."""
    return f"{PRODUCT}-{environment}-endpoint-states"


def scaling_alarm_arns(account: str, region: str, endpoint: str) -> str:
    """ARNs of the alarms that target tracking makes for an endpoint's variants, with a wildcard at their end."""
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:TargetTracking-endpoint/{endpoint}/variant/*"


def scaling_policy_arns(account: str, region: str, endpoint: str) -> str:
    """ARNs of the scaling policies of an endpoint's variants (recordings: DescribeScalingPolicies); AWS makes an id."""
    variants = f"resource/sagemaker/endpoint/{endpoint}/variant/*"
    return f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:*:{variants}"


def scaling_service_role_arn(account: str) -> str:
    """The role by which Application Auto Scaling works on endpoints; AWS makes it at the first registration."""
    return f"arn:aws:iam::{account}:role/aws-service-role/{SCALING_SERVICE}/{SCALING_SERVICE_ROLE}"


def bus_arn(hub_account: str, region: str) -> str:
    return f"arn:aws:events:{region}:{hub_account}:event-bus/{BUS}"
