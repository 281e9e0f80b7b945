"""What buckets, keys, buses, queues, functions and roles allow to others by their own policies, and changing those."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.role_policies import Document, as_list, edited, roles_in
from tests.integration.scenarios import AccountPair
from tests.integration.world import World


@dataclass(frozen=True, order=True)
class Grant:
    """What one statement of a resource's own policy gives to one principal."""

    on: str
    sid: str
    principal: str


# The policies that are deployed


def grants(world: World) -> Iterator[Grant]:
    """What every policy on a resource that the stacks deployed grants, or refuses, to whom."""
    for environment in world.sandbox.accounts:
        for on, document in _policies_in(world, environment):
            for statement in document["Statement"]:
                principal = statement["Principal"]
                named = (
                    [principal] if isinstance(principal, str) else [n for v in principal.values() for n in as_list(v)]
                )
                yield from (Grant(on, statement.get("Sid", ""), name) for name in named)


def _policies_in(world: World, environment: str) -> Iterator[tuple[str, Document]]:
    for role in roles_in(world, environment):
        yield role, world.client("iam", environment).get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    s3, kms, events, sqs = (world.client(service, environment) for service in ("s3", "kms", "events", "sqs"))
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith("promote-"):
            yield f"bucket {bucket['Name']}", json.loads(s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"])
    aliases = {alias.get("TargetKeyId"): alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}
    for key in kms.list_keys()["Keys"]:
        described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        name = aliases.get(key["KeyId"], described["Description"])
        yield f"key {name}", json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
    for bus in events.list_event_buses()["EventBuses"]:
        if bus.get("Policy"):
            yield f"bus {bus['Name']}", json.loads(bus["Policy"])
    for url in sqs.list_queues(QueueNamePrefix="promote-").get("QueueUrls", []):
        yield f"queue {url.rpartition('/')[2]}", json.loads(_queue_policy(sqs, url))
    sns = world.client("sns", environment)
    for topic in sns.list_topics()["Topics"]:
        topic_policy = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"]
        yield f"topic {topic['TopicArn'].rpartition(':')[2]}", json.loads(topic_policy)
    lambda_ = world.client("lambda", environment)
    for function in lambda_.list_functions()["Functions"]:
        try:
            policy = lambda_.get_policy(FunctionName=function["FunctionName"])["Policy"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
        else:
            yield f"function {function['FunctionName']}", json.loads(policy)


def matches(grant: Grant, pattern: Grant) -> bool:
    pairs = ((grant.on, pattern.on), (grant.sid, pattern.sid), (grant.principal, pattern.principal))
    return all(fnmatchcase(value, part) for value, part in pairs)


# Taking a statement of them away


def without_statement(sid: str) -> Callable[[Document], Document]:
    def change(document: Document) -> Document:
        kept = [statement for statement in document["Statement"] if not fnmatchcase(statement.get("Sid", ""), sid)]
        assert len(kept) == len(document["Statement"]) - 1
        return {**document, "Statement": kept}

    return change


def without_condition(sid: str) -> Callable[[Document], Document]:
    def change(document: Document) -> Document:
        changed = [
            {name: value for name, value in statement.items() if name != "Condition"}
            if fnmatchcase(statement.get("Sid", ""), sid)
            else statement
            for statement in document["Statement"]
        ]
        assert changed != document["Statement"]
        return {**document, "Statement": changed}

    return change


without_dead_letters = without_statement("RulesSend")


def bucket_policy(
    world: World, pair: AccountPair, change: Callable[[Document], Document]
) -> AbstractContextManager[None]:
    s3, bucket = world.client("s3", pair.target), pair.target_bucket
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    return edited(document, lambda text: s3.put_bucket_policy(Bucket=bucket, Policy=text), change)


def key_policy(world: World, environment: str, change: Callable[[Document], Document]) -> AbstractContextManager[None]:
    """The policy of the key of a target, or of the hub."""
    kms = world.client("kms", environment)
    (key,) = (
        key_entry["KeyId"]
        for key_entry in kms.list_keys()["Keys"]
        if "Promote" in kms.describe_key(KeyId=key_entry["KeyId"])["KeyMetadata"]["Description"]
    )
    document = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    return edited(document, lambda text: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text), change)


def queue_policy(
    world: World, environment: str, change: Callable[[Document], Document]
) -> AbstractContextManager[None]:
    sqs = world.client("sqs", environment)
    (url,) = sqs.list_queues(QueueNamePrefix="promote-")["QueueUrls"]
    document = json.loads(_queue_policy(sqs, url))
    return edited(document, lambda text: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text}), change)


@contextmanager
def without_invoke_permission(world: World, function: str) -> Iterator[None]:
    """Run while a function's own policy lets no one invoke it."""
    lambda_ = world.client("lambda")
    statements = json.loads(lambda_.get_policy(FunctionName=function)["Policy"])["Statement"]
    for statement in statements:
        lambda_.remove_permission(FunctionName=function, StatementId=statement["Sid"])
    try:
        yield
    finally:
        for statement in statements:
            ((source,),) = (condition.values() for condition in statement["Condition"].values())
            lambda_.add_permission(
                FunctionName=function,
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=source,
            )


def _queue_policy(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
