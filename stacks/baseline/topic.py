"""The topic that outcomes and alarms are published to, and its subscribers."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.promotion.contract import resource_names
from stacks.baseline import approvals
from stacks.config.topology import Configuration

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_PROTOCOLS = {
    "https:": sns.SubscriptionProtocol.HTTPS,
    "arn:aws:sqs:": sns.SubscriptionProtocol.SQS,
    "arn:aws:lambda:": sns.SubscriptionProtocol.LAMBDA,
}


def topic(
    scope: Construct, name: str, *, subscribers: Sequence[str], alarms_of: Sequence[str], key: kms.Key | None = None
) -> sns.Topic:
    """Return a topic of this name, to which our alarms of the accounts `alarms_of` may publish in this Region.

    Each of `subscribers` (stacks/config/schema.py) receives every message. CloudWatch cannot publish to a topic that is
    encrypted with the AWS managed key, whose policy cannot be changed, so without `key` the topic is not encrypted.
    """
    outcomes = sns.Topic(scope, "Topic", topic_name=name, master_key=key, enforce_ssl=True)
    outcomes.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AlarmsPublish",
            principals=[iam.ServicePrincipal(_CLOUDWATCH)],
            actions=["sns:Publish"],
            resources=[outcomes.topic_arn],
            conditions=_for_alarms_of(alarms_of, outcomes),
        )
    )
    if key:
        # AWS: SNS, "Enable compatibility between event sources from AWS services and encrypted topics".
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[iam.ServicePrincipal(_CLOUDWATCH)],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=_for_alarms_of(alarms_of, outcomes),
            )
        )
    for subscriber in subscribers:
        sns.Subscription(
            outcomes,
            _construct_id(subscriber),
            topic=outcomes,
            endpoint=subscriber,
            protocol=_protocol_of(subscriber),
        )
    return outcomes


def accounts_with_alarms(configuration: Configuration) -> list[str]:
    """Return the accounts whose alarms notify the hub's topic: the hub's, and those that forward approvals to it.

    An alarm can notify a topic in its own Region only; an environment in another Region has its own topic
    (stacks/environment/source.py).
    """
    hub = configuration.hub
    registries = [configuration.environments[name] for name in approvals.model_registries(configuration)]
    return sorted({hub.account, *(registry.account for registry in registries if registry.region == hub.region)})


def _for_alarms_of(accounts: Sequence[str], scope: Construct) -> dict[str, dict[str, object]]:
    """Only our alarms of these accounts, and no other principal's."""
    region = Stack.of(scope).region
    return {
        "StringEquals": {"aws:SourceAccount": list(accounts)},
        "ArnLike": {
            "aws:SourceArn": [
                f"arn:aws:cloudwatch:{region}:{account}:alarm:{resource_names.PRODUCT}-*" for account in accounts
            ]
        },
    }


def _construct_id(subscriber: str) -> str:
    """Return an id that no other subscriber has: the CDK takes no slash in one."""
    return f"To {urllib.parse.quote(subscriber, safe=':@')}"


def _protocol_of(subscriber: str) -> sns.SubscriptionProtocol:
    return next(
        (protocol for beginning, protocol in _PROTOCOLS.items() if subscriber.startswith(beginning)),
        sns.SubscriptionProtocol.EMAIL,
    )
