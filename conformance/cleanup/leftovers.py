"""How to look for each kind of resource that a run creates, and how to delete it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from conformance.cleanup.cleaning import Cleaned, Leftover, Look, named, tagged

# API: ScheduleKeyDeletion; a key that waits for it costs nothing and can do nothing.
_KEY_DAYS = 7
_GONE = ("PendingDeletion", "PendingReplicaDeletion")


def pages(client: Any, operation: str, field: str, **parameters: Any) -> Iterator[Any]:
    """Yield all elements of a list operation."""
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**parameters).get(field, [])
        return
    for page in client.get_paginator(operation).paginate(**parameters):
        yield from page.get(field, [])


def by_name(
    kind: str, service: str, operation: str, field: str, name: str, delete: Callable[[Any, str], object]
) -> Look:
    """Return the look at all resources of a list operation whose own name is the run's. `name`: where it stands."""

    def look(account: Cleaned, run: str) -> Iterator[Leftover]:
        client, own = account.unguarded(service), named(run)
        for entry in pages(client, operation, field):
            if own(entry[name]):
                yield Leftover(kind, entry[name], partial(delete, client, entry[name]))

    look.__name__ = operation.partition("_")[2]  # what could not be looked for is reported by it
    return look


def call(operation: str, parameter: str, **more: Any) -> Callable[[Any, str], object]:
    """Return the deletion that is one call, which takes the name as a parameter."""
    return lambda client, name: getattr(client, operation)(**{parameter: name}, **more)


def endpoints(account: Cleaned, run: str) -> Iterator[Leftover]:
    sagemaker, own = account.unguarded("sagemaker"), named(run)
    for endpoint in pages(sagemaker, "list_endpoints", "Endpoints"):
        if own(name := endpoint["EndpointName"]) and endpoint["EndpointStatus"] != "Deleting":
            yield Leftover("endpoint", name, partial(sagemaker.delete_endpoint, EndpointName=name))
        elif own(name):
            yield Leftover("endpoint", name)


def _delete_group(sagemaker: Any, name: str) -> None:
    for package in pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name):
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)


def state_machines(account: Cleaned, run: str) -> Iterator[Leftover]:
    stepfunctions, own = account.unguarded("stepfunctions"), named(run)
    for machine in pages(stepfunctions, "list_state_machines", "stateMachines"):
        if own(machine["name"]):
            yield Leftover(
                "state machine", machine["name"], partial(_delete_machine, stepfunctions, machine["stateMachineArn"])
            )


def _delete_machine(stepfunctions: Any, arn: str) -> None:
    running = pages(stepfunctions, "list_executions", "executions", stateMachineArn=arn, statusFilter="RUNNING")
    for execution in list(running):
        stepfunctions.stop_execution(executionArn=execution["executionArn"])
    stepfunctions.delete_state_machine(stateMachineArn=arn)


def tables(account: Cleaned, run: str) -> Iterator[Leftover]:
    client, own = account.unguarded("dynamodb"), named(run)
    for name in pages(client, "list_tables", "TableNames"):
        if own(name):
            yield Leftover("table", name, partial(client.delete_table, TableName=name))


def topics(account: Cleaned, run: str) -> Iterator[Leftover]:
    client, own = account.unguarded("sns"), named(run)
    for topic in pages(client, "list_topics", "Topics"):
        arn = topic["TopicArn"]
        if own(arn.rpartition(":")[2]):
            yield Leftover("topic", arn.rpartition(":")[2], partial(client.delete_topic, TopicArn=arn))


def queues(account: Cleaned, run: str) -> Iterator[Leftover]:
    client, own = account.unguarded("sqs"), named(run)
    for url in pages(client, "list_queues", "QueueUrls"):
        if own(url):
            yield Leftover("queue", url.rpartition("/")[2], partial(client.delete_queue, QueueUrl=url))


def _delete_rule(client: Any, name: str) -> None:
    targets = [target["Id"] for target in pages(client, "list_targets_by_rule", "Targets", Rule=name)]
    if targets:
        client.remove_targets(Rule=name, Ids=targets)
    client.delete_rule(Name=name)


def delete_bucket(s3: Any, name: str) -> None:
    """Delete a bucket with all versions and open uploads in it."""
    s3.delete_bucket_policy(Bucket=name)
    for upload in list(pages(s3, "list_multipart_uploads", "Uploads", Bucket=name)):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions: list[Mapping[str, str]] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for version in versions:
            s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=name)


def keys(account: Cleaned, run: str) -> Iterator[Leftover]:
    """Keys have no names: only those of the account's own that carry the tag are looked at further."""
    kms = account.unguarded("kms")
    for entry in pages(kms, "list_keys", "Keys"):
        metadata = kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
        if metadata.get("KeyManager") != "CUSTOMER" or metadata["KeyState"] in _GONE:
            continue
        tags = kms.list_resource_tags(KeyId=entry["KeyId"]).get("Tags", [])
        if tagged(run, tags, "TagKey", "TagValue"):
            yield Leftover("key", entry["KeyId"], partial(delete_key, kms, entry["KeyId"]))


def delete_key(kms: Any, key_id: str) -> None:
    """Delete the key's aliases, and schedule its deletion."""
    for alias in list(pages(kms, "list_aliases", "Aliases", KeyId=key_id)):
        kms.delete_alias(AliasName=alias["AliasName"])
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=_KEY_DAYS)


def delete_role(iam: Any, name: str) -> None:
    """Delete a role with its policies."""
    for policy in list(pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)):
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy in list(pages(iam, "list_role_policies", "PolicyNames", RoleName=name)):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


endpoint_configs = by_name(
    "endpoint configuration",
    *("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    call("delete_endpoint_config", "EndpointConfigName"),
)
models = by_name("model", "sagemaker", "list_models", "Models", "ModelName", call("delete_model", "ModelName"))
model_package_groups = by_name(
    "model package group",
    *("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    _delete_group,
)
functions = by_name(
    "function", "lambda", "list_functions", "Functions", "FunctionName", call("delete_function", "FunctionName")
)
rules = by_name("rule", "events", "list_rules", "Rules", "Name", _delete_rule)
repositories = by_name(
    "repository",
    *("ecr", "describe_repositories", "repositories", "repositoryName"),
    call("delete_repository", "repositoryName", force=True),
)
buckets = by_name("bucket", "s3", "list_buckets", "Buckets", "Name", delete_bucket)
aliases = by_name("alias", "kms", "list_aliases", "Aliases", "AliasName", call("delete_alias", "AliasName"))
roles = by_name("role", "iam", "list_roles", "Roles", "RoleName", delete_role)
# What functions and endpoints have logged: their groups come with the first line, and stay.
log_groups = by_name(
    "log group", "logs", "describe_log_groups", "logGroups", "logGroupName", call("delete_log_group", "logGroupName")
)

# What uses something comes before it.
LOOKS: tuple[Look, ...] = (
    *(endpoints, endpoint_configs, models, model_package_groups, state_machines, rules, functions, tables, topics),
    *(queues, repositories, buckets, aliases, keys, roles, log_groups),
)
