"""The hub: the state machine with its steps, and the way an approval comes to it."""

from __future__ import annotations

from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.resource_names import STEPS_BY_ROLE, Step
from stacks.baseline import approvals
from stacks.baseline.dead_letters import dead_letter_queue
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.baseline.role_placement import environments_with_role
from stacks.baseline.topic import accounts_with_alarms, topic
from stacks.config.schema import Configuration
from stacks.hub import bundle
from stacks.hub.lock_age import report_lock_age
from stacks.hub.observability import observe
from stacks.hub.work_list_bucket import allow_work_lists, work_list_bucket
from stacks.workflow import copy as copy_phase
from stacks.workflow import definition
from stacks.workflow.announce import allow_announcement
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables

# The steps that look at every object of a model, or copy them: thousands of calls, many at once. Lambda's own limit is
# 15 minutes, and with this memory it gives one whole CPU (AWS: Lambda, "Configure function memory"). An image goes
# through its step, several layers at once.
_LONG_RUNNING_STEPS = frozenset(
    {
        Step.RESOLVE_MODEL,
        Step.COMPARE_ENDPOINT,
        Step.PREFLIGHT,
        Step.PLAN_COPY,
        Step.COPY_UNIT,
        Step.COPY_IMAGE,
        Step.COMPLETE_COPY,
        Step.VERIFY_ARTIFACTS,
        Step.ABORT_UPLOADS,
        Step.SMOKE_TEST,
        Step.RECORD_PROMOTION,
        Step.CLEAN_UP_ABORTED,
    }
)
# The rules for executions that ended where no state of theirs could do anything: they were stopped or ran out of time,
# or Step Functions ended them itself. (AWS: Step Functions, "Error handling": what a Catch does not catch.)
_ABORTED_RULE, _RUNTIME_ERROR_RULE = f"{resource_names.PRODUCT}-aborted", f"{resource_names.PRODUCT}-runtime-error"
_ABORTED_EXECUTION_RULES: dict[str, dict[str, list[str]]] = {
    _ABORTED_RULE: {"status": ["ABORTED", "TIMED_OUT"]},
    _RUNTIME_ERROR_RULE: {"status": ["FAILED"], "error": ["States.Runtime", "States.DataLimitExceeded"]},
}
_LONGEST_TIMEOUT = Duration.seconds(time_limits.LONGEST_INVOCATION.seconds)
_ONE_CPU = 1769  # MB


class HubStack(Stack):
    """Everything in the hub account."""

    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        hub = configuration.hub
        super().__init__(
            scope,
            resource_names.hub_stack(),
            env=Environment(account=hub.account, region=hub.region),
            description="Promote: the state machine that promotes SageMaker models between accounts",
        )
        key = self._key()
        work_lists = work_list_bucket(self, key)
        tables = Tables(self, key=key)
        outcomes = topic(
            self,
            resource_names.TOPIC,
            subscribers=hub.notify.subscribers,
            alarms_of=accounts_with_alarms(configuration),
            key=key,
        )
        code = bundle.code(configuration.deployed())
        steps = {
            step: StepFunction(
                self,
                step,
                code=code,
                runtime=bundle.runtime(),
                key=key,
                assumes=_roles_assumed_by(step, configuration),
                timeout=_LONGEST_TIMEOUT if step in _LONG_RUNNING_STEPS else None,
                **({"memory": _ONE_CPU} if step in _LONG_RUNNING_STEPS else {}),
            )
            for step in Step
        }
        allow_work_lists(steps, work_lists, key)
        _allow_tables(steps, tables)
        longest = Duration.seconds(_longest_deadline(configuration) + time_limits.EXECUTION_RESERVE.seconds)
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=resource_names.STATE_MACHINE,
            state_machine_type=sfn.StateMachineType.STANDARD,
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(
                definition.definition(
                    self, steps, work_lists=work_lists, tables=tables, outcomes=outcomes, lease=longest
                )
            ),
            timeout=longest,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "StateMachineLogs",
                    log_group_name=f"/aws/vendedlogs/states/{resource_names.STATE_MACHINE}",
                    retention=logs.RetentionDays.ONE_YEAR,
                    encryption_key=key,
                    removal_policy=RETAIN,
                ),
                level=sfn.LogLevel.ALL,
                # The model's environment variables are in the document; the history has it, the log need not.
                include_execution_data=False,
            ),
        )
        self.state_machine.role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="DecryptMapItems",
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions=via_service("s3", self.region),
            )
        )
        tables.allow_state_machine_write(self.state_machine.role, "Lock")
        allow_announcement(self.state_machine.role, key)
        steps[Step.CLEAN_UP_ABORTED].role.add_to_policy(
            iam.PolicyStatement(sid="Announce", actions=["sns:Publish"], resources=[outcomes.topic_arn])
        )
        allow_announcement(steps[Step.CLEAN_UP_ABORTED].role, key)
        self._allow_execution_reads(steps)
        dead_letters = dead_letter_queue(
            self, [f"{resource_names.BUS}/{resource_names.approval_rule('*')}", *_ABORTED_EXECUTION_RULES]
        )
        self._approvals(configuration, dead_letters)
        self._clean_up_aborted(steps[Step.CLEAN_UP_ABORTED], dead_letters)
        observe(
            self,
            configuration,
            topic=outcomes,
            state_machine=self.state_machine,
            longest_execution=longest,
            steps=steps,
            dead_letters=dead_letters,
            rules={resource_names.approval_rule(name): resource_names.BUS for name in configuration.applications}
            | dict.fromkeys(_ABORTED_EXECUTION_RULES),
            oldest_lock=report_lock_age(self, tables, code=code, key=key),
        )
        self._accept_findings(steps, work_lists)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="What Promote keeps in the hub: logs, lists, locks and records; and its messages",
            enable_key_rotation=True,
            removal_policy=RETAIN,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Logs",
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{self.region}:{self.account}:log-group:*"
                    }
                },
            )
        )
        return key

    def _allow_execution_reads(self, steps: dict[Step, StepFunction]) -> None:
        """Whether an execution that holds a lock is under way, and where one was that was stopped."""
        executions = f"arn:aws:states:{self.region}:{self.account}:execution:{resource_names.STATE_MACHINE}:*"
        permissions = {
            Step.WAIT_FOR_LOCK: "states:DescribeExecution",
            Step.CLEAN_UP_ABORTED: "states:GetExecutionHistory",
        }
        for step, action in permissions.items():
            steps[step].role.add_to_policy(
                iam.PolicyStatement(sid="ReadExecutions", actions=[action], resources=[executions])
            )
            accept_finding(
                steps[step].role, f"AwsSolutions-IAM5[Resource::{executions}]", "Any promotion may be the one."
            )

    def _approvals(self, configuration: Configuration, dead_letters: sqs.IQueue) -> None:
        """An approval comes from a registry's account to this bus; a rule per application starts its first stage."""
        bus = events.EventBus(self, "Bus", event_bus_name=resource_names.BUS)
        for name in approvals.model_registries(configuration):
            events.CfnEventBusPolicy(
                self,
                f"From-{name}",
                event_bus_name=bus.event_bus_name,
                statement_id=f"approvals-from-{name}",
                statement={
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{configuration.environments[name].account}:root"},
                    "Action": "events:PutEvents",
                    "Resource": bus.event_bus_arn,
                    # Of one request's events every one counts (AWS: EventBridge, using IAM policy conditions).
                    "Condition": {"ForAllValues:StringEquals": {"events:source": approvals.SOURCE}},
                },
            )
        for name, application in configuration.applications.items():
            first_stage = next(iter(application.stages))
            events.Rule(
                self,
                f"Approved-{name}",
                rule_name=resource_names.approval_rule(name),
                description=f"An approved version of {application.model_package_group} goes to {first_stage}",
                event_bus=bus,
                event_pattern=approvals.pattern_for(application, configuration),
                targets=[
                    targets.SfnStateMachine(
                        self.state_machine,
                        input=events.RuleTargetInput.from_object(
                            {
                                "application": name,
                                "stage": first_stage,
                                "model_package_arn": events.EventField.from_path("$.detail.ModelPackageArn"),
                            }
                        ),
                        dead_letter_queue=dead_letters,
                        retry_attempts=10,
                        max_event_age=Duration.hours(2),
                    )
                ],
            )

    def _clean_up_aborted(self, clean_up_aborted: StepFunction, dead_letters: sqs.IQueue) -> None:
        """An execution that is ended from outside has no state in which it could tidy up by itself."""
        for name, ended in _ABORTED_EXECUTION_RULES.items():
            events.Rule(
                self,
                name.removeprefix(f"{resource_names.PRODUCT}-").title().replace("-", ""),
                rule_name=name,
                description="A promotion that ended from outside is recorded, and what it has left is tidied up",
                event_pattern=events.EventPattern(
                    source=["aws.states"],
                    detail_type=["Step Functions Execution Status Change"],
                    detail={"stateMachineArn": [self.state_machine.state_machine_arn], **ended},
                ),
                targets=[
                    targets.LambdaFunction(
                        clean_up_aborted.function,
                        dead_letter_queue=dead_letters,
                        retry_attempts=10,
                        max_event_age=Duration.hours(2),
                    )
                ],
            )

    def _accept_findings(self, steps: dict[Step, StepFunction], work_lists: s3.Bucket) -> None:
        tracing = "X-Ray's PutTraceSegments and PutTelemetryRecords know no resources (AWS: X-Ray actions)."
        for step in steps.values():
            accept_finding(step.role, "AwsSolutions-IAM5[Resource::*]", tracing)
            accept_finding(
                step.function,
                "AwsSolutions-L1",
                "The version that deploys, on which the tests ran and which compiled the bundle (docs/decisions/0006).",
            )
        accept_finding(
            self.state_machine.role,
            "AwsSolutions-IAM5[Resource::*]",
            "CloudWatch Logs' delivery actions and X-Ray's know no resources (AWS: Step Functions, CloudWatch Logs).",
        )
        accept_finding(
            self.state_machine.role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::<{self.get_logical_id(work_lists.node.default_child)}>/*]",  # type: ignore[arg-type]
            "CDK grants the Map's item reader the bucket; each promotion has a list of its own there.",
        )
        machine = self.get_logical_id(self.state_machine.node.default_child)  # type: ignore[arg-type]
        name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine}"}}]}}]}}'
        for executions in (f"{name}:*", f"{name}/{copy_phase.COPY_LABEL}:*"):
            accept_finding(
                self.state_machine.node.find_child("DistributedMapPolicy"),
                f"AwsSolutions-IAM5[Resource::arn:aws:states:{self.region}:{self.account}:execution:{executions}]",
                "The Map's child executions have names that Step Functions gives them (AWS: Distributed Map, IAM).",
            )
        for step in steps.values():
            accept_finding(
                self.state_machine.role,
                f"AwsSolutions-IAM5[Resource::<{self.get_logical_id(step.function.node.default_child)}.Arn>:*]",  # type: ignore[arg-type]
                "CDK grants a function's versions with the function; none are published.",
            )


def _allow_tables(steps: dict[Step, StepFunction], tables: Tables) -> None:
    """Each step may do with the tables what it does; the records can be added to, and not be changed by anybody."""
    read, write = tables.allow_read, tables.allow_write
    write(
        steps[Step.WAIT_FOR_LOCK].role,
        tables.endpoints,
        "ReadAndReleaseLocks",
        ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    )
    read(steps[Step.RESOLVE_ROLLBACK].role, tables.endpoints, "ReadLastKnownGood", ["dynamodb:GetItem"])
    read(steps[Step.RESOLVE_ROLLBACK].role, tables.records, "ReadRecords", ["dynamodb:GetItem"])
    write(steps[Step.RECORD_PROMOTION].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.endpoints, "ReleaseLocks", ["dynamodb:UpdateItem"])


def _roles_assumed_by(step: Step, configuration: Configuration) -> list[str]:
    """Return the exact role ARNs that a step assumes, one for each environment in which it has a duty."""
    return [
        resource_names.environment_role_arn(configuration.environments[environment].account, environment, role)
        for role, steps in STEPS_BY_ROLE.items()
        if step in steps
        for environment in sorted(environments_with_role(configuration, role, step))
    ]


def _longest_deadline(configuration: Configuration) -> int:
    stages = [stage for application in configuration.applications.values() for stage in application.stages.values()]
    return max((stage.deadline_seconds for stage in stages), default=3600)
