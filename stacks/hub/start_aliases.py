"""The aliases of the state machine: a policy can allow a principal to start by some of them only.

`StartExecution` by an alias is authorized on the state machine, with the alias as `states:StateMachineQualifier` (AWS:
Step Functions, "Authorization for versions and aliases").
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_stepfunctions as sfn

from stacks.config.topology import Configuration


def start_aliases(stack: Stack, configuration: Configuration, *, state_machine: sfn.StateMachine) -> None:
    """Publish the state machine, and lead every alias that starts a stage to this version.

    Each change of the state machine is another version. CloudFormation deletes the one before once the aliases have
    left it; its executions go on (API: DeleteStateMachineVersion).
    """
    version = sfn.CfnStateMachineVersion(
        stack,
        "StateMachineVersion",
        state_machine_arn=state_machine.state_machine_arn,
        state_machine_revision_id=state_machine.state_machine_revision_id,
    )
    for alias in configuration.start_aliases():
        sfn.CfnStateMachineAlias(
            stack,
            f"StartAlias-{alias}",
            name=alias,
            description="Starts the stages of promotion.yaml with this start_alias, or in the environment of this name",
            routing_configuration=[
                sfn.CfnStateMachineAlias.RoutingConfigurationVersionProperty(
                    state_machine_version_arn=version.attr_arn, weight=100
                )
            ],
        )
