"""The parts of promotion.yaml: the hub, environments, applications and their stages. Each option is described here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from lambdas.promotion.contract import sagemaker_limits, settings
from stacks.config.fields.field_types import (
    Account,
    Arn,
    Bucket,
    Duration,
    EnvironmentName,
    ExternalId,
    Flag,
    ImageName,
    KeyArn,
    OrganizationId,
    PythonVersion,
    Region,
    SageMakerName,
    SecurityGroupId,
    StageName,
    StrictModel,
    SubnetId,
    VariableName,
    VariableValue,
    seconds,
)
from stacks.config.fields.option import (
    ALL_STACKS_AT_ONCE,
    HUB,
    NEW_MODEL,
    OTHER_ENVIRONMENT,
    SCALING,
    fields_of,
    option,
)
from stacks.config.notify import Notify
from stacks.config.stage.autoscaling import Autoscaling
from stacks.config.stage.endpoint import EndpointConfiguration
from stacks.config.stage.preview import PreviewOrNone
from stacks.config.stage.rollout import Update
from stacks.config.stage.smoke_test import SmokeTests


class ConfigurationError(Exception):
    """promotion.yaml has mistakes; the message lists all of them with their paths."""


_HUB = (
    "It is another hub: deploy all stacks. The environments' roles trust it after their deployment. Delete the old "
    "hub's stack, or approvals that still reach it start promotions that end with `AccessDenied`."
)
_PROTECTED = "Deploy the stack. Before it is deleted, set it to `false` and deploy once more."
_AS_THE_FIELD = "That of the field."
_VPC = f"{NEW_MODEL} The execution role's permissions change with it: deploy the environment too."
_COPIED_METADATA = (
    "Deploy all stacks (permissions change). Objects that are copied from then on have them. Earlier copies stay as "
    "they are: they are recognized by their names and not copied again."
)


class Hub(StrictModel, title="`hub`"):
    """The account of the state machine, its Lambdas and its event bus."""

    account: Annotated[
        Account,
        option("The account of the state machine, its Lambdas and its event bus.", example="111111111111", effect=_HUB),
    ]
    region: Annotated[
        Region,
        option("The hub's Region. It may differ from the environments' Regions.", example="us-east-1", effect=_HUB),
    ]
    python: Annotated[
        PythonVersion | None,
        option(
            "The version of Python that everyone who deploys must use; without it, any that Lambda offers: 3.11, 3.12, "
            "3.13 or 3.14. The Lambdas run on the version that deploys them, which also compiles their files "
            "(docs/decisions/0006-the-bundle-carries-its-sdk-compiled.md). Where several people deploy, this refuses "
            "the wrong version; without it, they would change every function in turn.",
            example="3.13",
            effect="None by itself. A deployment with another version of Python than before changes the runtime and "
            "the code of every function.",
        ),
    ] = None
    external_id: Annotated[
        ExternalId | None,
        option(
            "Sent with every AssumeRole, and a condition (`sts:ExternalId`) in the trust policy of every role that a "
            "step assumes. It is not a secret (API: AssumeRole, ExternalId).",
            example="promote-3f1c",
            effect=ALL_STACKS_AT_ONCE,
        ),
    ] = None
    organization_id: Annotated[
        OrganizationId | None,
        option(
            "A condition (`aws:PrincipalOrgID`) in the same trust policies: only callers of this organization.",
            example="o-abcde12345",
            effect=ALL_STACKS_AT_ONCE,
        ),
    ] = None
    termination_protection: Annotated[
        Flag,
        option(
            "CloudFormation refuses to delete the hub's stack, and DynamoDB its tables. Every environment trusts the "
            "hub's roles by internal ids, so a hub that was deleted by mistake stops all promotions until each trust "
            "is renewed. Set it **after** the first deployment has succeeded: one that fails leaves a stack that CDK "
            "deletes before it deploys again, and cannot delete with this.",
            example=True,
            effect=_PROTECTED,
        ),
    ] = False
    notify: Annotated[
        Notify,
        option(
            "Who is notified of the outcomes of promotions and of alarms. Without it, no one.",
            example={"subscribers": ["ml-team@example.com"]},
            effect="Deploy the hub, and each source environment in another Region than the hub's.",
        ),
    ] = Notify()

    def deployed(self) -> settings.Hub:
        runbook = {"runbook": self.notify.runbook} if self.notify.runbook else {}
        return settings.Hub(
            account=self.account, region=self.region, announce_unchanged=self.notify.unchanged, **runbook
        )


class Environment(StrictModel, title="`environments`"):
    """An account and Region, under a name that is part of the names of roles, buckets and stacks.

    An environment from which a stage takes models is a *source*: it gets the reader and the copier. One in which a
    stage deploys is a *target*: it gets the artifact bucket with its key, the deployer and the execution role. An
    environment that no stage names gets no stack; if it had one, that stack stays until it is deleted. The name `hub`
    is taken by the hub's own stack (`promote-hub`).
    """

    account: Annotated[Account, option("The account's number.", example="222222222222", effect=OTHER_ENVIRONMENT)]
    region: Annotated[
        Region,
        option(
            "The Region. An account that is used in two Regions is two environments. A target's Region that is not "
            "enabled by default must be enabled for the accounts of its sources as well: S3 copies only between "
            "Regions that the copier's account has (API: CopyObject).",
            example="us-east-1",
            effect=OTHER_ENVIRONMENT,
        ),
    ]
    buckets: Annotated[
        tuple[Bucket, ...],
        option(
            "Existing buckets of this account that hold the artifacts of models made here. The reader and the copier "
            "may read these, and in a target Promote's own bucket. A promotion whose artifact is elsewhere ends with "
            "`AccessDenied`; only AWS's own JumpStart buckets need no entry, because their objects are not copied.",
            example=["sagemaker-us-east-1-222222222222"],
            effect="Deploy the environment and the hub (permissions change). Models whose artifacts are in a removed "
            "bucket can no longer be promoted.",
        ),
    ] = ()
    kms_keys: Annotated[
        tuple[KeyArn, ...],
        option(
            "Existing customer managed keys that encrypt those objects. The key's policy must let the account's IAM "
            "decide or name the roles. Objects encrypted by S3 itself or with `aws/s3` need none.",
            example=["arn:aws:kms:us-east-1:222222222222:key/0d1c2b3a-1111-2222-3333-444455556666"],
            effect="Deploy the environment and the hub (permissions change).",
        ),
    ] = ()
    termination_protection: Annotated[
        Flag,
        option(
            "CloudFormation refuses to delete the environment's stack: the roles that promotions need, and the "
            "permissions of the copiers that other environments know by internal ids. Set it **after** the first "
            "deployment of this environment has succeeded, as with the hub's.",
            example=True,
            effect=_PROTECTED,
        ),
    ] = False


class Variables(StrictModel, title="A stage's variables"):
    """What becomes of the environment variables of all containers of the model. A name is in one of the four only.

    The values here are trusted: they are neither checked nor changed. **Write no secrets here**: they are shown by the
    execution's history, the promotion records and DescribeModel. SageMaker allows 100 variables in a container and
    32 KB in all containers together (API: ContainerDefinition).

    Every other variable is carried unchanged, except that an S3 URI in it (`s3://bucket/key`, also in a list, in JSON
    or in a sentence) is copied as an artifact and rewritten, an ARN that is in `arns` is replaced, and the target's
    Region takes the place of the source's, if this is all that a variable with a name such as `AWS_REGION` holds;
    `SAGEMAKER_REGION` always becomes the target's. A promotion ends with `UnsupportedModel`, which names all such
    variables, if one holds an S3 URI in another form (a bucket without a key, `s3a://`, `https://`), an S3 URI to which
    the container writes according to the variable's name (its words include `CACHE`, `LOG`, `OUTPUT` or the like, and
    the URI has no file's extension), an ARN that is not in `arns`, the source account's number, or what looks like a
    secret: `set`, `replace`, `drop` or `keep` it.
    """

    set: Annotated[
        dict[VariableName, VariableValue],
        option("The variable has this value in **every** container.", example={"LOG_LEVEL": "info"}, effect=NEW_MODEL),
    ] = Field(default_factory=dict)
    replace: Annotated[
        dict[VariableName, VariableValue],
        option(
            "The variable has this value in the containers where it **exists**.",
            example={"DATABASE": "qa.example.com"},
            effect=NEW_MODEL,
        ),
    ] = Field(default_factory=dict)
    drop: Annotated[
        tuple[VariableName, ...], option("The variable is left out.", example=["HF_TOKEN"], effect=NEW_MODEL)
    ] = ()
    keep: Annotated[
        tuple[VariableName, ...],
        option(
            "The variable is carried exactly as it is, although it looks like a secret or belongs to the source. An S3 "
            "URI in it is then neither copied nor rewritten.",
            example=["PARTNER_TOKEN"],
            effect=NEW_MODEL,
        ),
    ] = ()

    @model_validator(mode="after")
    def _require_disjoint_lists(self) -> Variables:
        fates: dict[str, list[str]] = {}
        for fate in type(self).model_fields:
            for name in dict.fromkeys(getattr(self, fate)):
                fates.setdefault(name, []).append(fate)
        problems = [f"{name} is in {' and in '.join(lists)}" for name, lists in fates.items() if len(lists) > 1]
        if len(self.set) > sagemaker_limits.MOST_VARIABLES:
            problems.append(
                f"set has {len(self.set)}; SageMaker allows {sagemaker_limits.MOST_VARIABLES} in a container"
            )
        size = sum(len(name.encode()) + len(value.encode()) for name, value in self.set.items())
        if size > sagemaker_limits.MOST_BYTES_OF_VARIABLES:
            problems.append(
                f"set has {size} bytes; SageMaker allows {sagemaker_limits.MOST_BYTES_OF_VARIABLES} in a model"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def deployed(self) -> settings.Variables:
        return settings.Variables(**self.model_dump())


class Vpc(StrictModel, title="A stage's vpc"):
    """The VPC in which the containers run (API: VpcConfig).

    `vpc: none` creates the model without one, whatever the source model has. Whether the subnets and groups exist is
    checked by SageMaker.
    """

    security_group_ids: Annotated[
        list[SecurityGroupId],
        Field(min_length=1, max_length=5),
        option("SecurityGroupIds.", example=["sg-0a1b2c3d4e5f60718"], effect=_VPC),
    ]
    subnets: Annotated[
        list[SubnetId],
        Field(min_length=1, max_length=16),
        option("Subnets.", example=["subnet-0a1b2c3d4e5f60718"], effect=_VPC),
    ]

    def deployed(self) -> settings.Vpc:
        return settings.Vpc(security_group_ids=tuple(self.security_group_ids), subnets=tuple(self.subnets))


_NO_VPC = Vpc.model_construct(security_group_ids=[], subnets=[])


def _vpc_or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return _NO_VPC if value == "none" else handler(value)


class Stage(EndpointConfiguration, Update, title="A stage"):
    """An application in an environment. The stage is called like its environment unless `environment` is set.

    A stage that is removed can no longer be promoted to; its endpoint is not deleted. If it was the last one of its
    environment, the environment's stack stays deployed as it is, with the execution role that live endpoints need.
    """

    source: Annotated[
        EnvironmentName,
        Field(alias="from"),
        option(
            "The environment that the stage takes its models from. It cannot be the stage's own. Models flow one way: "
            "environments that take models from each other in a circle are refused.",
            example="dev",
            effect="Deploy all stacks: the copiers of the new source get their permissions in the target. The next "
            "promotion takes its models from there.",
        ),
    ]
    environment: Annotated[
        EnvironmentName | None,
        option(
            "The environment in which the stage deploys, if the stage has another name.",
            example="production",
            effect="Deploy all stacks. The next promotion creates an endpoint in the new environment; the old one "
            "stays.",
        ),
    ] = None
    approved_only: Annotated[
        Flag,
        option(
            "Whether the stage takes only versions of the application's `model_package_group` that are Approved when "
            "the promotion starts, and again before the endpoint is changed. The first stage is then started with "
            "`model_package_arn` only; a later one takes a model that the stage before it got from such a version, as "
            "the promotion records say. A model by its name ends with `ApprovedVersionRequired`. The same holds for a "
            'start with `"roll_back": true`, which then needs the model registry. A failed promotion still returns to '
            "what served before.",
            example=True,
            effect="Deploy all stacks (permissions change). What serves stays. Stages in between must promote the "
            "version again if they promoted it before this field was set: records have the origin from then on.",
        ),
    ] = False
    start_alias: Annotated[
        StageName | None,
        option(
            "The alias of the state machine by which this stage is started by principals that may not start every "
            "stage; without it, that of the environment's name. An execution that another alias started is refused "
            "with `WrongAlias`; one that was started on the state machine itself may promote to every stage. All "
            "stages together have at most 100 aliases (AWS: Step Functions quotas).",
            example="team-a-production",
            effect="Deploy the hub, then change the policies that name the alias (docs/iam.md). An alias that no stage "
            "has any longer is deleted.",
        ),
    ] = None
    endpoint: Annotated[
        SageMakerName,
        option(
            "The endpoint's name. An existing endpoint of that name is updated. Two stages of one environment cannot "
            "have the same endpoint, in whatever letter case.",
            example="text-classifier-qa",
            effect="Deploy all stacks (permissions change). The next promotion creates or updates the endpoint of the "
            "new name; the old one stays, and Promote no longer has permissions to it.",
        ),
    ]
    images: Annotated[
        dict[ImageName, ImageName],
        option(
            "Images that the stage takes from another location, as `<registry>/<repository>` with the one that takes "
            "its place, without tags: the target's model names the image by its digest, which the other repository "
            "must have too (by its tag, if the digest is unknown). An ECR repository must be in the stage's Region.",
            example={"registry.example.com/team/features": "333333333333.dkr.ecr.us-east-1.amazonaws.com/features"},
            effect=NEW_MODEL,
        ),
    ] = Field(default_factory=dict)
    deadline: Annotated[
        Duration,
        option(
            "How long after the execution's start the endpoint may take to be in service, and how long a change by "
            "someone else is waited for. The copy is part of that time: no change begins after the deadline. At most "
            "8h, SageMaker's own limit for a deployment (API: MaximumExecutionTimeoutInSeconds). It must be longer "
            "than what the `rollout` itself waits.",
            example="30m",
            effect=HUB,
        ),
    ] = "1h"
    variables: Annotated[
        Variables,
        option(
            "What becomes of the environment variables of the model's containers. Without it, nothing is changed.",
            example={"set": {"LOG_LEVEL": "info"}},
            effect=NEW_MODEL,
        ),
    ] = Variables()
    vpc: Annotated[
        Vpc | None,
        WrapValidator(_vpc_or_none, json_schema_input_type=Vpc | Literal["none"] | None),
        option(
            "The VPC in which the containers run, or `none`. A source model with a VPC needs one of the two, otherwise "
            "the promotion ends with `UnsupportedModel`. A VPC is used also if the source model has none.",
            example={
                "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
                "subnets": ["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"],
            },
            effect=_VPC,
        ),
    ] = None
    network_isolation: Annotated[
        Flag | None,
        option(
            "EnableNetworkIsolation. Without it, the source model's own; a version of the model registry has none of "
            "its own, so then `false`.",
            example=False,
            effect=NEW_MODEL,
        ),
    ] = None
    when_locked: Annotated[
        settings.WhenLocked,
        option(
            "What a promotion does while another one has locked the endpoint. `wait`: it waits, until its deadline. "
            "`refuse`: it ends with `EndpointLocked`. `newest_wins`: it waits, but of those that wait the one with the "
            "newest model continues, and the others end with `Superseded`; except a rollback, and a promotion with "
            "`allow_older`. The promotion that has the lock is never interrupted.",
            example="newest_wins",
            effect=HUB,
        ),
    ] = settings.WhenLocked.WAIT
    failed_first_deployment: Annotated[
        settings.FirstDeployment,
        option(
            "What becomes of an endpoint that a promotion created and that then failed: there is nothing to roll back "
            "to. `keep` leaves it for inspection; a Failed endpoint must be deleted before the next promotion.",
            example="keep",
            effect=HUB,
        ),
    ] = settings.FirstDeployment.DELETE
    arns: Annotated[
        dict[Arn, Arn],
        option(
            "ARNs of the source with those that take their places in the target. They are replaced in a registry's "
            "credentials provider, in the content of a private hub, and wherever a whole one is in an environment "
            "variable. All settings of a stage together have 64 KiB.",
            example={
                "arn:aws:lambda:us-east-1:222222222222:function:registry-login": (
                    "arn:aws:lambda:us-east-1:333333333333:function:registry-login"
                )
            },
            effect=NEW_MODEL,
        ),
    ] = Field(default_factory=dict)
    smoke_test: Annotated[
        SmokeTests,
        option(
            "What the endpoint must answer once it is in service with the new configuration: a test, or a list of 1 to "
            "10.",
            example={"payload": "a fine film", "content_type": "text/csv"},
            effect="Deploy the hub: promotions that start afterwards are tested with it. The environment's first test "
            "adds the invoker role: deploy all stacks.",
        ),
    ] = ()
    autoscaling: Annotated[
        Autoscaling,
        option(
            "How variants are scaled automatically, by the variant's name. `keep`, the default, keeps what is "
            "registered.",
            example={"AllTraffic": {"min": 1, "max": 4, "target_value": 70}},
            effect=f"{SCALING} Deploy the environment too if its stack is older than this field: the scaler role is "
            "added.",
        ),
    ] = Field(default_factory=dict)
    preview: Annotated[
        PreviewOrNone,
        option(
            "The smoke test runs on a temporary endpoint first, before traffic moves: `instance` runs one instance of "
            "each variant, a mapping makes it serverless.",
            example="instance",
            effect="Deploy the hub: promotions that start afterwards use it. The environment's first preview, and that "
            "of another endpoint, changes permissions: deploy all stacks.",
        ),
    ] = None

    def environment_name(self, stage_name: str) -> str:
        """Return the environment in which the stage of this name deploys."""
        return self.environment or stage_name

    def started_by(self, stage_name: str) -> str:
        """Return the alias of the state machine that starts the stage of this name."""
        return self.start_alias or self.environment_name(stage_name)

    def variants_by_name(self) -> dict[str, dict[str, Any]]:
        """Return the variants in CreateEndpointConfig's words."""
        return {variant.name: variant.to_api() for variant in self.variants}

    @property
    def deadline_seconds(self) -> int:
        return seconds(self.deadline)


class Defaults(StrictModel, title="`defaults`"):
    """Fields that need not be written in each application and stage.

    A stage has a field from where it comes first: the stage itself, its application's `defaults`, `stages` here,
    `stage` here. A value is taken whole: mappings and lists are not merged. A field that is `null` does without the
    default.
    """

    application: Annotated[
        dict[str, Any],
        fields_of("Application"),
        option("Fields of every application.", example={"copy_images": True}, effect=_AS_THE_FIELD),
    ] = Field(default_factory=dict)
    stage: Annotated[
        dict[str, Any],
        fields_of("Stage"),
        option("Fields of every stage.", example={"deadline": "30m"}, effect=_AS_THE_FIELD),
    ] = Field(default_factory=dict)
    stages: Annotated[
        dict[StageName, Annotated[dict[str, Any], fields_of("Stage")]],
        option("Fields of every stage of a name.", example={"qa": {"from": "dev"}}, effect=_AS_THE_FIELD),
    ] = Field(default_factory=dict)


class Application(StrictModel, title="`applications`"):
    """One model lineage, under a name. Approving a version of its model package group starts the first stage.

    An application that is added or removed changes permissions and approval rules: deploy all stacks.
    """

    model_package_group: Annotated[
        SageMakerName,
        option(
            "The group in the model registry of the environment that the *first* stage takes models from. Only "
            "versions of this group are promoted for this application. A group belongs to one application.",
            example="text-classifier",
            effect="Deploy all stacks. Only versions of the new group are promoted from then on; what is deployed "
            "stays.",
        ),
    ]
    copy_tags: Annotated[
        Flag,
        option(
            "Whether the tags of the artifacts (objects in S3) are copied too. The copier gets permissions to read "
            "tags in the source and to write them in the targets.",
            example=True,
            effect=_COPIED_METADATA,
        ),
    ] = False
    copy_annotations: Annotated[
        Flag,
        option(
            "Whether the annotations of the artifacts are copied too, with permissions of the same kind. S3 copies "
            "them with whole objects only: an object of more than 5 GiB that has annotations is refused.",
            example=False,
            effect=_COPIED_METADATA,
        ),
    ] = False
    copy_images: Annotated[
        Flag,
        option(
            "Whether the source account's own images are copied into the registry of each target, into the repository "
            "`promote/<repository>`, by digest. Without it, the target pulls them from the source account, whose "
            "repository must allow it and be in the same Region. Images of other accounts and AWS's own are never "
            "copied.",
            example=True,
            effect="Deploy all stacks (permissions change). The next promotion creates another model, of the copied or "
            "of the pulled image, and updates the endpoint. Copies stay in the targets' registries, because endpoints "
            "use them.",
        ),
    ] = False
    defaults: Annotated[
        dict[str, Any],
        fields_of("Stage"),
        option(
            "Fields of every stage of this application: a stage's own come first, then these, then those of the file's "
            "`defaults`.",
            example={"from": "dev"},
            effect=_AS_THE_FIELD,
        ),
    ] = Field(default_factory=dict)
    stages: Annotated[
        dict[StageName, Stage],
        Field(min_length=1),
        option(
            "The stages by their names, in the order of the file. Approving a version of the group starts the first "
            "stage, and only that.",
            example={
                "qa": {
                    "from": "dev",
                    "endpoint": "text-classifier-qa",
                    "variants": [{"name": "All", "instance_type": "ml.m5.large", "initial_instance_count": 1}],
                }
            },
            effect="Deploy all stacks: permissions and approval rules are added and removed. In another order, another "
            "stage may become the first: the one that an approval starts, and whose `from` has the registry.",
        ),
    ]

    @property
    def registry(self) -> str:
        """The environment whose registry holds the model package group: where the first stage takes models from."""
        return next(iter(self.stages.values())).source
