"""The hub: the state machine with its steps, and what starts, observes and cleans up its executions."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Job, Step
from stacks.baseline.dead_letters import dead_letter_queue
from stacks.baseline.topic import accounts_with_alarms, topic
from stacks.config.topology import Configuration
from stacks.hub import bundle, state_machine, steps
from stacks.hub.aborted_executions import ABORTED_EXECUTION_RULE, clean_up_after_abort
from stacks.hub.artifact_audit import audit_artifacts
from stacks.hub.encryption_key import encryption_key
from stacks.hub.event_bus import end_waits, event_bus, report_rejections, start_on_approval
from stacks.hub.lock_age import report_lock_age
from stacks.hub.observability import observe
from stacks.hub.reconciliation import reconcile_executions
from stacks.hub.start_aliases import start_aliases
from stacks.hub.work_list_bucket import allow_work_lists, work_list_bucket
from stacks.workflow.announce import allow_publishing
from stacks.workflow.tables import Tables


class HubStack(Stack):
    """Everything in the hub account."""

    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        hub = configuration.hub
        super().__init__(
            scope,
            resource_names.hub_stack(),
            env=Environment(account=hub.account, region=hub.region),
            termination_protection=hub.termination_protection,
            description="Promote: the state machine that promotes SageMaker models between accounts",
        )
        key = encryption_key(self)
        work_lists = work_list_bucket(self, key)
        tables = Tables(self, key=key, protected=hub.termination_protection)
        outcomes = topic(
            self,
            resource_names.TOPIC,
            subscribers=hub.notify.subscribers,
            alarms_of=accounts_with_alarms(configuration),
            key=key,
        )
        code = bundle.code(configuration.deployed())
        functions = steps.step_functions(self, configuration, code=code, key=key)
        allow_work_lists(functions, work_lists, key)
        steps.allow_tables(functions, tables)
        longest_execution = state_machine.longest_execution(configuration)
        machine = state_machine.state_machine(
            self,
            functions,
            work_lists=work_lists,
            tables=tables,
            outcomes=outcomes,
            timeout=longest_execution,
            key=key,
        )
        start_aliases(self, configuration, state_machine=machine)
        named = state_machine.by_name(self)
        clean_up_aborted = functions[Step.CLEAN_UP_ABORTED].runs_in
        allow_publishing(clean_up_aborted.role, outcomes, key)
        dead_letters = dead_letter_queue(
            self, [f"{resource_names.BUS}/{resource_names.approval_rule('*')}", ABORTED_EXECUTION_RULE]
        )
        bus = event_bus(self, configuration)
        start_on_approval(self, configuration, bus, state_machine=named, dead_letters=dead_letters)
        end_waits(self, configuration, bus, state_machine=named, tables=tables, code=code, key=key)
        report_rejections(self, bus, topic=outcomes, tables=tables, code=code, key=key)
        clean_up_after_abort(self, clean_up_aborted, state_machine=named, dead_letters=dead_letters)
        reconciler = reconcile_executions(
            self,
            clean_up_aborted,
            state_machine=named,
            work_lists=work_lists,
            tables=tables,
            code=code,
            key=key,
        )
        steps.allow_execution_reads(self, functions, reconciler=reconciler)
        audit = audit_artifacts(self, configuration, tables=tables, work_lists=work_lists, code=code, key=key)
        observe(
            self,
            configuration,
            topic=outcomes,
            state_machine=named,
            longest_execution=longest_execution,
            steps=functions,
            jobs={Job.RECONCILE_EXECUTIONS: reconciler, Job.AUDIT_ARTIFACTS: audit},
            dead_letters=dead_letters,
            rules={resource_names.approval_rule(name): resource_names.BUS for name in configuration.applications}
            | {ABORTED_EXECUTION_RULE: None},
            oldest_lock=report_lock_age(self, tables, code=code, key=key),
        )
        steps.accept_findings(functions)
        state_machine.accept_findings(machine, functions, work_lists)
        state_machine.update_last(machine)
