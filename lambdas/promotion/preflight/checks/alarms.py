"""Preflight check of the alarms that roll an update back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.endpoint import rollout
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.probes import Probe, query_probe

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

# The states in which an alarm does not roll an update back.
_QUIET = frozenset({"OK", "INSUFFICIENT_DATA"})
_ALARMS_PER_QUERY = 100  # API: DescribeAlarms, AlarmNames


def rollout_alarms(promotion: Promotion) -> list[str]:
    return rollout.alarms_of(rollout.of_stage(promotion.stage))


def _alarm_probes(context: Context) -> Iterator[Probe]:
    alarms, client = rollout_alarms(context.promotion), context.session(Role.DEPLOYER).cloudwatch
    yield query_probe(
        functools.partial(alarm_states, alarms, client=client),
        f"The alarms {', '.join(alarms)}",
        functools.partial(unusable, context.promotion.target, alarms),
    )


def alarm_states(names: Sequence[str], *, client: CloudWatchClient) -> dict[str, str]:
    """Return the states of those alarms that exist, by their names."""
    response = client.describe_alarms(
        AlarmNames=list(names)[:_ALARMS_PER_QUERY], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return {
        alarm["AlarmName"]: alarm["StateValue"] for alarm in [*response["MetricAlarms"], *response["CompositeAlarms"]]
    }


def unusable(target: Environment, alarms: Iterable[str], states: Mapping[str, str]) -> list[CheckResult]:
    """`states`: of the alarms that exist. One that is not quiet would roll the update back at once."""
    return [
        Finding(
            role=target.role_arn(Role.DEPLOYER),
            action="sagemaker:UpdateEndpoint with an alarm",
            resource=f"the alarm {alarm} of {target.account} in {target.region}",
            message=f"It is in the state {states[alarm]}."
            if alarm in states
            else "There is no such metric alarm or composite alarm.",
            remedy="Find out what raises it, and promote when it is OK." if alarm in states else None,
        )
        for alarm in alarms
        if states.get(alarm) not in _QUIET
    ]


CHECKS = (
    Check(
        title="The alarms of the rollout exist, and none is in the state ALARM",
        role=Role.DEPLOYER,
        remedy="Create the alarm, or correct the stage's rollout in promotion.yaml.",
        applies=lambda promotion: bool(rollout_alarms(promotion)),
        statements=lambda _: [(["cloudwatch:DescribeAlarms"], ["*"])],
        probes=_alarm_probes,
    ),
)
