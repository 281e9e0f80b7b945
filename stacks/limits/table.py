"""Each limit of AWS that a template can exceed, with its source. A quota that AWS raises on request has its default."""

from __future__ import annotations

from dataclasses import dataclass

_FEWER_STAGES = (
    "Give some of the environment's stages to another environment, which may be the same account under another name"
)
_FEWER_RESOURCES = f"{_FEWER_STAGES}, or shorten the names of endpoints, applications and stages"
_LESS_TRUST = "Shorten hub.external_id"
_FEWER_SOURCES = "Let fewer environments feed this one, or give some of its stages to another environment"
_FEWER_APPLICATIONS = "Shorten the names of applications and model package groups, or deploy fewer from this file"
_SHORTER_NAME = "Shorten the name of the environment, application or stage in it"
_DEVELOPER = "This does not follow from promotion.yaml alone: report it as a fault of Promote"


@dataclass(frozen=True)
class Limit:
    """`what` may be at most `most` of `unit`, by the page `source` of AWS; `remedy` is what a person can do."""

    what: str
    most: int
    unit: str
    source: str
    remedy: str


_IAM = "AWS: IAM and AWS STS quotas"
INLINE_POLICIES = Limit("the inline policies of a role", 10_240, "characters", _IAM, _FEWER_RESOURCES)
MANAGED_POLICY = Limit("a managed policy", 6_144, "characters", _IAM, _FEWER_RESOURCES)
MANAGED_POLICIES = Limit("the managed policies of a role", 10, "policies", _IAM, _FEWER_RESOURCES)
TRUST_POLICY = Limit("the trust policy of a role", 2_048, "characters", _IAM, _LESS_TRUST)
ROLE_DESCRIPTION = Limit("the description of a role", 1_000, "characters", "API: CreateRole", _DEVELOPER)

BUCKET_POLICY = Limit("a bucket policy", 20 * 1024, "bytes", "AWS: S3, bucket policies", _FEWER_SOURCES)
KEY_POLICY = Limit("a key policy", 32 * 1024, "bytes", "AWS: KMS quotas", _FEWER_SOURCES)
TOPIC_POLICY = Limit("a topic policy", 30 * 1024, "bytes", "AWS: SNS quotas", "Name fewer environments")
QUEUE_STATEMENTS = Limit("a queue policy", 20, "statements", "AWS: SQS quotas, policies", _DEVELOPER)
LOG_POLICY = Limit("a resource policy of logs", 5_120, "characters", "API: PutResourcePolicy", _DEVELOPER)

_EVENTS = "AWS: EventBridge quotas"
BUS_POLICY = Limit("the policy of an event bus", 10_240, "characters", _EVENTS, "Name fewer environments")
EVENT_PATTERN = Limit("an event pattern", 2_048, "characters", _EVENTS, _FEWER_APPLICATIONS)
RULES = Limit("the rules of an event bus", 300, "rules", _EVENTS, _FEWER_APPLICATIONS)
RULE_TARGETS = Limit("the targets of a rule", 5, "targets", _EVENTS, _DEVELOPER)
INPUT_TEMPLATE = Limit("the input template of a rule", 8_192, "characters", "API: InputTransformer", _DEVELOPER)

_STATES = "AWS: Step Functions quotas"
DEFINITION = Limit("a state machine's definition", 1_048_576, "bytes", _STATES, _DEVELOPER)
ALIASES = Limit("the aliases of a state machine", 100, "aliases", _STATES, "Let more stages have the same start_alias")

_LAMBDA = "AWS: Lambda quotas"
VARIABLES = Limit("a function's environment variables", 4 * 1024, "bytes", _LAMBDA, _DEVELOPER)
FUNCTION_POLICY = Limit("a function's resource-based policy", 20 * 1024, "bytes", _LAMBDA, _FEWER_APPLICATIONS)
FUNCTION_DESCRIPTION = Limit("a function's description", 256, "characters", "API: CreateFunction", _DEVELOPER)

ALARM_DESCRIPTION = Limit("an alarm's description", 1_024, "characters", "API: PutMetricAlarm", _SHORTER_NAME)
ALARM_ACTIONS = Limit("the actions of an alarm in a state", 5, "actions", "API: PutMetricAlarm", _DEVELOPER)
DASHBOARD = Limit("a dashboard", 1024 * 1024, "bytes", "API: PutDashboard", _FEWER_APPLICATIONS)
DASHBOARD_METRICS = Limit("a dashboard", 2_500, "metrics", "AWS: CloudWatch quotas", _FEWER_APPLICATIONS)

PARAMETER = Limit("a standard parameter of Systems Manager", 4 * 1024, "bytes", "API: PutParameter", _DEVELOPER)
ADVANCED_PARAMETER = Limit("an advanced parameter of Systems Manager", 8 * 1024, "bytes", PARAMETER.source, _DEVELOPER)
FILTER_POLICY = Limit("a filter policy of a subscription", 256 * 1024, "bytes", "AWS: SNS quotas", _DEVELOPER)
TAGS = Limit("the tags of a resource", 50, "tags", "AWS: tag naming limits and requirements", _DEVELOPER)

_CLOUDFORMATION = "AWS: CloudFormation quotas"
TEMPLATE = Limit("a template", 1_048_576, "bytes", _CLOUDFORMATION, _FEWER_APPLICATIONS)
RESOURCES = Limit("a template", 500, "resources", _CLOUDFORMATION, _FEWER_APPLICATIONS)
OUTPUTS = Limit("a template", 200, "outputs", _CLOUDFORMATION, _DEVELOPER)
PARAMETERS = Limit("a template", 200, "parameters", _CLOUDFORMATION, _DEVELOPER)
MAPPINGS = Limit("a template", 200, "mappings", _CLOUDFORMATION, _DEVELOPER)
MAPPING_ATTRIBUTES = Limit("a mapping", 200, "attributes", _CLOUDFORMATION, _DEVELOPER)
DESCRIPTION = Limit("a template's description", 1_024, "bytes", _CLOUDFORMATION, _DEVELOPER)
LOGICAL_ID = Limit("a logical id", 255, "characters", _CLOUDFORMATION, _SHORTER_NAME)
STACK_NAME = Limit("a stack's name", 128, "characters", "API: CreateStack", _SHORTER_NAME)


def _name(kind: str, most: int, operation: str) -> Limit:
    return Limit(f"the name of {kind}", most, "characters", f"API: {operation}", _SHORTER_NAME)


# Of each type: the property with its name.
NAMES: dict[str, tuple[str, Limit]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", _name("an alarm", 255, "PutMetricAlarm")),
    "AWS::CloudWatch::Dashboard": ("DashboardName", _name("a dashboard", 255, "PutDashboard")),
    "AWS::DynamoDB::Table": ("TableName", _name("a table", 255, "CreateTable")),
    "AWS::Events::EventBus": ("Name", _name("an event bus", 256, "CreateEventBus")),
    "AWS::Events::Rule": ("Name", _name("a rule", 64, "PutRule")),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", _name("a managed policy", 128, "CreatePolicy")),
    "AWS::IAM::Policy": ("PolicyName", _name("an inline policy", 128, "PutRolePolicy")),
    "AWS::IAM::Role": ("RoleName", _name("a role", 64, "CreateRole")),
    "AWS::KMS::Alias": ("AliasName", _name("an alias of a key", 256, "CreateAlias")),
    "AWS::Lambda::Function": ("FunctionName", _name("a function", 64, "CreateFunction")),
    "AWS::Logs::LogGroup": ("LogGroupName", _name("a log group", 512, "CreateLogGroup")),
    "AWS::S3::Bucket": ("BucketName", _name("a bucket", 63, "CreateBucket")),
    "AWS::SNS::Topic": ("TopicName", _name("a topic", 256, "CreateTopic")),
    "AWS::SQS::Queue": ("QueueName", _name("a queue", 80, "CreateQueue")),
    "AWS::SSM::Parameter": ("Name", _name("a parameter", 1_011, "PutParameter")),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", _name("a state machine", 80, "CreateStateMachine")),
    "AWS::StepFunctions::StateMachineAlias": ("Name", _name("an alias", 80, "CreateStateMachineAlias")),
}
