"""The one place for names that IAM, CDK and the code share. A role or bucket has the same name in every deployment.

Names are fixed because accounts cannot look into each other: a policy in one account names a role of another.
"""

from __future__ import annotations

import enum

PRODUCT = "promote"
STATE_MACHINE = PRODUCT
BUS = PRODUCT
ARTIFACT_PREFIX = "artifacts"
IMAGE_PREFIX = PRODUCT
LISTS_PREFIX = "promotions"
ENDPOINTS_TABLE = f"{PRODUCT}-endpoints"
RECORDS_TABLE = f"{PRODUCT}-records"
TOPIC = f"{PRODUCT}-outcomes"
NAMESPACE = PRODUCT.title()
_TRIAL = "trial-"
TAG_PREFIX = "promote:"
MADE_AT_TAG = f"{TAG_PREFIX}made-at"
SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_SERVICE_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
JUMPSTART_BUCKETS = ("jumpstart-cache-prod-", "jumpstart-private-cache-prod-", "sagemaker-sd-models-prod-")


class Step(enum.StrEnum):
    """The Lambda steps. The value is the file in lambdas/, the function's name and its role's."""

    RESOLVE_MODEL = "resolve_model"
    RESOLVE_ROLL_BACK = "resolve_roll_back"
    LOOK_AT_LOCK = "look_at_lock"
    COMPARE_ENDPOINT = "compare_endpoint"
    CHECK_AHEAD = "check_ahead"
    COPY_IMAGE = "copy_image"
    PLAN_COPY = "plan_copy"
    COPY_UNIT = "copy_unit"
    COMPLETE_COPY = "complete_copy"
    ABORT_UPLOADS = "abort_uploads"
    VERIFY_ARTIFACTS = "verify_artifacts"
    CREATE_MODEL = "create_model"
    CREATE_ENDPOINT_CONFIG = "create_endpoint_config"
    CREATE_TRIAL = "create_trial"
    REMOVE_TRIAL = "remove_trial"
    CONFIRM_APPROVAL = "confirm_approval"
    DEPLOY_ENDPOINT = "deploy_endpoint"
    INSPECT_ENDPOINT = "inspect_endpoint"
    ROLL_BACK = "roll_back"
    SMOKE_TEST = "smoke_test"
    PUT_ASIDE_SCALING = "put_aside_scaling"
    RESTORE_SCALING = "restore_scaling"
    EXPLAIN_FAILURE = "explain_failure"
    RECORD_PROMOTION = "record_promotion"
    TIDY_UP = "tidy_up"


class Job(enum.StrEnum):
    """The Lambdas that are no steps: an event runs them. The value is the file, the function's name and its role's."""

    MEASURE_LOCKS = "measure_locks"


class Metric(enum.StrEnum):
    """What is counted (metrics.py) and looked at by alarms and the dashboard, in the namespace above."""

    PROMOTION_ENDED = "PromotionEnded"
    PROMOTION_SECONDS = "PromotionSeconds"
    OBJECTS_COPIED = "ObjectsCopied"
    BYTES_COPIED = "BytesCopied"
    OLDEST_LOCK_SECONDS = "OldestLockSeconds"


class Duty(enum.StrEnum):
    """A role in an environment, by what it is for."""

    READER = "reader"
    COPIER = "copier"
    PUSHER = "pusher"
    DEPLOYER = "deployer"
    INVOKER = "invoker"
    SCALER = "scaler"
    EXECUTION = "execution"


# The steps that the deployer serves only where a stage has a trial.
STEPS_OF_TRIALS = frozenset({Step.CREATE_TRIAL, Step.REMOVE_TRIAL})
STEPS_OF_DUTY: dict[Duty, tuple[Step, ...]] = {
    Duty.READER: (Step.RESOLVE_MODEL, Step.CHECK_AHEAD, Step.COPY_IMAGE, Step.CONFIRM_APPROVAL, Step.SMOKE_TEST),
    Duty.COPIER: (Step.CHECK_AHEAD, Step.PLAN_COPY, Step.COPY_UNIT, Step.COMPLETE_COPY),
    Duty.PUSHER: (Step.CHECK_AHEAD, Step.COPY_IMAGE),
    Duty.DEPLOYER: (
        Step.RESOLVE_ROLL_BACK,
        Step.COMPARE_ENDPOINT,
        Step.CHECK_AHEAD,
        Step.ABORT_UPLOADS,
        Step.VERIFY_ARTIFACTS,
        Step.CREATE_MODEL,
        Step.CREATE_ENDPOINT_CONFIG,
        Step.CREATE_TRIAL,
        Step.REMOVE_TRIAL,
        Step.DEPLOY_ENDPOINT,
        Step.INSPECT_ENDPOINT,
        Step.ROLL_BACK,
        Step.TIDY_UP,
    ),
    Duty.INVOKER: (Step.CHECK_AHEAD, Step.SMOKE_TEST),
    Duty.SCALER: (Step.CHECK_AHEAD, Step.PUT_ASIDE_SCALING, Step.RESTORE_SCALING, Step.TIDY_UP),
}


def hub_stack() -> str:
    return f"{PRODUCT}-hub"


def environment_stack(environment: str) -> str:
    return f"{PRODUCT}-{environment}"


def function(step: Step | Job) -> str:
    return f"{PRODUCT}-{step.value.replace('_', '-')}"


def step_role_arn(hub_account: str, step: Step) -> str:
    """ARN of the role that a step's Lambda runs with, in the hub."""
    return f"arn:aws:iam::{hub_account}:role/{function(step)}"


def environment_role(environment: str, duty: Duty) -> str:
    return f"{PRODUCT}-{environment}-{duty}"


def environment_role_arn(account: str, environment: str, duty: Duty) -> str:
    return f"arn:aws:iam::{account}:role/{environment_role(environment, duty)}"


def artifact_bucket(environment: str, account: str, region: str) -> str:
    return f"{PRODUCT}-{environment}-{account}-{region}"


def hub_bucket(account: str, region: str) -> str:
    """The bucket in the hub with the lists that are too long for a state: what is copied, and how."""
    return f"{PRODUCT}-hub-{account}-{region}"


def lists_prefix(promotion_id: str) -> str:
    """Key prefix, with its slash, of one promotion's lists in the hub's bucket."""
    return f"{LISTS_PREFIX}/{promotion_id}/"


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


def resource_beginning(application: str, stage: str) -> str:
    """What the names of a stage's models and configurations begin with; the deployer's rights end there.

    The rest of SageMaker's 63 characters is a hyphen, 14 for a time, a hyphen and 12 for a digest.
    """
    return f"{application}-{stage}"[:35].rstrip("-") + "-"


def trial_config(application: str, stage: str, digest: str) -> str:
    """The configuration of a stage's trial endpoint.

    It begins as all of the stage's; what follows is shorter than in any other, so a right to delete fits these only.
    """
    return f"{resource_beginning(application, stage)}{_TRIAL}{digest[:12]}"


def trial_endpoint(endpoint: str, digest: str) -> str:
    """The temporary endpoint on which a model is tried before this one gets it; at most 63 characters."""
    return f"{endpoint.lower()[:44].rstrip('-')}-{_TRIAL}{digest[:12]}"


# Whoever tidies up after a promotion that was stopped in them must know them.
CREATE_TRIAL_STATE = "Create the trial endpoint"
PUT_ASIDE_STATE = "Put the scaling aside"
PUT_ASIDE_TO_GO_BACK_STATE = "Put the scaling aside to go back"
# For a policy: the digest is any 12 characters.
ANY_DIGEST = "?" * 12


def endpoint_arns(account: str, region: str, endpoint: str) -> list[str]:
    """ARNs for rights on an endpoint."""
    return resource_arns("endpoint", account, region, endpoint)


def resource_arns(kind: str, account: str, region: str, name: str) -> list[str]:
    """ARNs for rights: SageMaker writes ARNs in lower case, but IAM may see the name as requested."""
    spellings = dict.fromkeys((name, name.lower()))
    return [f"arn:aws:sagemaker:{region}:{account}:{kind}/{spelling}" for spelling in spellings]


def endpoint_key(account: str, region: str, endpoint: str) -> str:
    """The key of an endpoint's item in the hub's table. SageMaker does not tell two spellings of a name apart."""
    return f"{account}/{region}/{endpoint.lower()}"


def topic_arn(account: str, region: str) -> str:
    """The topic on which outcomes are announced and alarms act: the hub's, or an environment's own."""
    return f"arn:aws:sns:{region}:{account}:{TOPIC}"


def environment_topic(environment: str) -> str:
    """The topic of an environment whose alarms cannot reach the hub's: it is in another Region."""
    return f"{PRODUCT}-{environment}-alarms"


def approval_rule(application: str) -> str:
    """The rule in the hub that starts the application's first stage."""
    return f"{PRODUCT}-approved-{application}"


def scaling_alarm_arns(account: str, region: str, endpoint: str) -> str:
    """ARNs of the alarms that target tracking makes for an endpoint's variants, with a wildcard at their end."""
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:TargetTracking-endpoint/{endpoint}/variant/*"


def scaling_service_role_arn(account: str) -> str:
    """The role by which Application Auto Scaling works on endpoints; AWS makes it at the first registration."""
    return f"arn:aws:iam::{account}:role/aws-service-role/{SCALING_SERVICE}/{SCALING_SERVICE_ROLE}"


def bus_arn(hub_account: str, region: str) -> str:
    return f"arn:aws:events:{region}:{hub_account}:event-bus/{BUS}"
