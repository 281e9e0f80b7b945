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

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import STEPS_OF_DUTY, Step
from stacks.baseline import approvals
from stacks.baseline.dead_letters import dead_letter_queue
from stacks.baseline.iam_conditions import through
from stacks.baseline.nag import accept
from stacks.baseline.retention import KEPT
from stacks.baseline.role_placement import places
from stacks.baseline.topic import accounts_with_alarms, topic
from stacks.config.schema import Configuration
from stacks.hub import bundle
from stacks.hub.lock_age import measure_locks
from stacks.hub.observability import observe
from stacks.hub.work_list_bucket import let_use_lists, lists_bucket
from stacks.workflow import copy as copy_phase
from stacks.workflow import definition
from stacks.workflow.announce import let_announce
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables

# The steps that look at every object of a model, or copy them: thousands of calls, many at once. Lambda's own limit is
# 15 minutes, and with this memory it gives one whole CPU (AWS: Lambda, "Configure function memory"). An image goes
# through its step, several layers at once.
_LONG = frozenset(
    {
        Step.RESOLVE_MODEL,
        Step.COMPARE_ENDPOINT,
        Step.CHECK_AHEAD,
        Step.PLAN_COPY,
        Step.COPY_UNIT,
        Step.COPY_IMAGE,
        Step.COMPLETE_COPY,
        Step.VERIFY_ARTIFACTS,
        Step.ABORT_UPLOADS,
        Step.SMOKE_TEST,
        Step.RECORD_PROMOTION,
        Step.TIDY_UP,
    }
)
# What rolls back may first have to wait for a deployment, which lasts 8 hours at most (state.py).
_TO_ROLL_BACK = Duration.hours(10)
# The rules for executions that ended where no state of theirs could do anything: they were stopped or ran out of time,
# or Step Functions ended them itself. (AWS: Step Functions, "Error handling": what a Catch does not catch.)
_STOPPED, _BROKEN = f"{resource_names.PRODUCT}-stopped", f"{resource_names.PRODUCT}-broken"
_ENDED_OUTSIDE: dict[str, dict[str, list[str]]] = {
    _STOPPED: {"status": ["ABORTED", "TIMED_OUT"]},
    _BROKEN: {"status": ["FAILED"], "error": ["States.Runtime", "States.DataLimitExceeded"]},
}
_LONGEST = Duration.minutes(15)
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
        lists = lists_bucket(self, key)
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
                timeout=_LONGEST if step in _LONG else None,
                **({"memory": _ONE_CPU} if step in _LONG else {}),
            )
            for step in Step
        }
        let_use_lists(steps, lists, key)
        _let_use_tables(steps, tables)
        longest = Duration.seconds(_longest_deadline(configuration)).plus(_TO_ROLL_BACK)
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=resource_names.STATE_MACHINE,
            state_machine_type=sfn.StateMachineType.STANDARD,
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(
                definition.story(self, steps, lists=lists, tables=tables, outcomes=outcomes, lease=longest)
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
                    removal_policy=KEPT,
                ),
                level=sfn.LogLevel.ALL,
                # The model's environment variables are in the document; the history has it, the log need not.
                include_execution_data=False,
            ),
        )
        self.state_machine.role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="DecryptTheMapsItems",
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions=through("s3", self.region),
            )
        )
        tables.let_state_write(self.state_machine.role, "Lock")
        let_announce(self.state_machine.role, key)
        steps[Step.TIDY_UP].role.add_to_policy(
            iam.PolicyStatement(sid="Announce", actions=["sns:Publish"], resources=[outcomes.topic_arn])
        )
        let_announce(steps[Step.TIDY_UP].role, key)
        self._let_look_at_executions(steps)
        dead_letters = dead_letter_queue(
            self, [f"{resource_names.BUS}/{resource_names.approval_rule('*')}", *_ENDED_OUTSIDE]
        )
        self._approvals(configuration, dead_letters)
        self._tidy_up(steps[Step.TIDY_UP], dead_letters)
        observe(
            self,
            configuration,
            topic=outcomes,
            state_machine=self.state_machine,
            longest_execution=longest,
            steps=steps,
            dead_letters=dead_letters,
            rules={resource_names.approval_rule(name): resource_names.BUS for name in configuration.applications}
            | dict.fromkeys(_ENDED_OUTSIDE),
            oldest_lock=measure_locks(self, tables, code=code, key=key),
        )
        self._accept_findings(steps, lists)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="What Promote keeps in the hub: logs, lists, locks and records; and its messages",
            enable_key_rotation=True,
            removal_policy=KEPT,
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

    def _let_look_at_executions(self, steps: dict[Step, StepFunction]) -> None:
        """Whether an execution that holds a lock is under way, and where one was that was stopped."""
        executions = f"arn:aws:states:{self.region}:{self.account}:execution:{resource_names.STATE_MACHINE}:*"
        rights = {
            Step.LOOK_AT_LOCK: "states:DescribeExecution",
            Step.TIDY_UP: "states:GetExecutionHistory",
        }
        for step, action in rights.items():
            steps[step].role.add_to_policy(
                iam.PolicyStatement(sid="SeeExecutions", actions=[action], resources=[executions])
            )
            accept(steps[step].role, f"AwsSolutions-IAM5[Resource::{executions}]", "Any promotion may be the one.")

    def _approvals(self, configuration: Configuration, dead_letters: sqs.IQueue) -> None:
        """An approval comes from a registry's account to this bus; a rule per application starts its first stage."""
        bus = events.EventBus(self, "Bus", event_bus_name=resource_names.BUS)
        for name in approvals.registries(configuration):
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

    def _tidy_up(self, tidy_up: StepFunction, dead_letters: sqs.IQueue) -> None:
        """An execution that is ended from outside has no state in which it could tidy up by itself."""
        for name, ended in _ENDED_OUTSIDE.items():
            events.Rule(
                self,
                name.rpartition("-")[2].title(),
                rule_name=name,
                description="A promotion that ended from outside is recorded, and what it has left is tidied up",
                event_pattern=events.EventPattern(
                    source=["aws.states"],
                    detail_type=["Step Functions Execution Status Change"],
                    detail={"stateMachineArn": [self.state_machine.state_machine_arn], **ended},
                ),
                targets=[
                    targets.LambdaFunction(
                        tidy_up.function,
                        dead_letter_queue=dead_letters,
                        retry_attempts=10,
                        max_event_age=Duration.hours(2),
                    )
                ],
            )

    def _accept_findings(self, steps: dict[Step, StepFunction], lists: s3.Bucket) -> None:
        tracing = "X-Ray's PutTraceSegments and PutTelemetryRecords know no resources (AWS: X-Ray actions)."
        for step in steps.values():
            accept(step.role, "AwsSolutions-IAM5[Resource::*]", tracing)
            accept(
                step.function,
                "AwsSolutions-L1",
                "The version that deploys, on which the tests ran and which compiled the bundle (docs/decisions/0006).",
            )
        accept(
            self.state_machine.role,
            "AwsSolutions-IAM5[Resource::*]",
            "CloudWatch Logs' delivery actions and X-Ray's know no resources (AWS: Step Functions, CloudWatch Logs).",
        )
        accept(
            self.state_machine.role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::<{self.get_logical_id(lists.node.default_child)}>/*]",  # type: ignore[arg-type]
            "CDK grants the Map's item reader the bucket; each promotion has a list of its own there.",
        )
        machine = self.get_logical_id(self.state_machine.node.default_child)  # type: ignore[arg-type]
        name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine}"}}]}}]}}'
        for executions in (f"{name}:*", f"{name}/{copy_phase.COPY_LABEL}:*"):
            accept(
                self.state_machine.node.find_child("DistributedMapPolicy"),
                f"AwsSolutions-IAM5[Resource::arn:aws:states:{self.region}:{self.account}:execution:{executions}]",
                "The Map's child executions have names that Step Functions gives them (AWS: Distributed Map, IAM).",
            )
        for step in steps.values():
            accept(
                self.state_machine.role,
                f"AwsSolutions-IAM5[Resource::<{self.get_logical_id(step.function.node.default_child)}.Arn>:*]",  # type: ignore[arg-type]
                "CDK grants a function's versions with the function; none are published.",
            )


def _let_use_tables(steps: dict[Step, StepFunction], tables: Tables) -> None:
    """Each step may do with the tables what it does; the records can be added to, and not be changed by anybody."""
    read, write = tables.let_read, tables.let_write
    write(steps[Step.LOOK_AT_LOCK].role, tables.endpoints, "SeeAndFree", ["dynamodb:GetItem", "dynamodb:UpdateItem"])
    read(steps[Step.RESOLVE_ROLL_BACK].role, tables.endpoints, "SeeGoodOnes", ["dynamodb:GetItem"])
    read(steps[Step.RESOLVE_ROLL_BACK].role, tables.records, "ReadRecords", ["dynamodb:GetItem"])
    write(steps[Step.RECORD_PROMOTION].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.TIDY_UP].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.TIDY_UP].role, tables.endpoints, "Free", ["dynamodb:UpdateItem"])


def _roles_assumed_by(step: Step, configuration: Configuration) -> list[str]:
    """Return the exact role ARNs that a step assumes, one for each environment in which it has a duty."""
    return [
        resource_names.environment_role_arn(configuration.environments[place].account, place, duty)
        for duty, steps in STEPS_OF_DUTY.items()
        if step in steps
        for place in sorted(places(configuration, duty, step))
    ]


def _longest_deadline(configuration: Configuration) -> int:
    stages = [stage for application in configuration.applications.values() for stage in application.stages.values()]
    return max((stage.deadline_seconds for stage in stages), default=3600)
