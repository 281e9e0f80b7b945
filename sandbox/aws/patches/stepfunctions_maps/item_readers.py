"""What a Distributed Map's ItemReader reads, with the permissions of the state machine's role and no others."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import get_account_id, get_region
from ministack.services import s3
from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.iam import roles

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

INPUT_TYPES = ("JSON", "JSONL", "CSV")


def read(resource: str, arguments: dict[str, Any], config: dict[str, Any], role_arn: str, session: str) -> list[Any]:
    """The items, at most as many as the configuration's MaxItems. Raises States.ItemReaderFailed, as a state does."""
    if config.get("InputType", "JSON") not in INPUT_TYPES:
        raise sfn._ExecutionError("States.Runtime", f"The sandbox reads {', '.join(INPUT_TYPES)}, not {config}.")
    try:
        client = _client(role_arn, session)
        _require_same_region(arguments.get("Bucket", ""))
        items = list(_items(client, resource, arguments, config))
    except roles.NotAllowed as refusal:
        raise _failed(str(refusal)) from refusal
    except ClientError as refusal:
        error, answer = refusal.response["Error"], refusal.response["ResponseMetadata"]
        raise _failed(f"{error.get('Message')} (Service: S3, Status Code: {answer['HTTPStatusCode']})") from refusal
    except (BotoCoreError, ValueError, KeyError, IndexError, TypeError) as fault:
        raise _failed(str(fault)) from fault
    return items[: int(config["MaxItems"])] if config.get("MaxItems") else items


def _failed(cause: str) -> Exception:
    failure: Exception = sfn._ExecutionError("States.ItemReaderFailed", cause)
    return failure


def _items(
    client: "S3Client", resource: str, arguments: dict[str, Any], config: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if resource.endswith("s3:getObject"):
        yield from _parsed(client.get_object(**arguments)["Body"].read(), config)
        return
    for page in client.get_paginator("list_objects_v2").paginate(**arguments):
        for entry in page.get("Contents", []):
            if config.get("Transformation") == "LOAD_AND_FLATTEN":
                listed = client.get_object(Bucket=arguments["Bucket"], Key=entry["Key"])
                yield from _parsed(listed["Body"].read(), config)
            else:
                yield _listed(entry)


def _parsed(content: bytes, config: dict[str, Any]) -> list[Any]:
    items = sfn._parse_reader_items(content.decode(), config)
    if not isinstance(items, list):
        raise TypeError("Attempting to map over non-iterable node.")
    return items


def _listed(entry: "ObjectTypeDef") -> dict[str, Any]:
    return {
        "Etag": entry["ETag"],
        "Key": entry["Key"],
        "LastModified": int(entry["LastModified"].timestamp()),
        "Size": entry["Size"],
        "StorageClass": entry.get("StorageClass", "STANDARD"),
    }


def _require_same_region(bucket: str) -> None:
    """Input and output of a Distributed Map lie in the Region of the state machine."""
    owner = s3._bucket_owner_account(bucket) or get_account_id()
    record = s3._buckets.get_scoped(owner, None, bucket) or {}
    region = record.get("region") or "us-east-1"
    if record and region != get_region():
        raise ValueError(f"The bucket {bucket} is in {region}, and the state machine in {get_region()}.")


def _client(role_arn: str, session: str) -> "S3Client":
    """S3 over the sandbox's own listener: the requests are signed and judged like anyone's."""
    credentials = roles.assume(role_arn, "states.amazonaws.com", session)
    return boto3.client(
        "s3",
        region_name=get_region(),
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials["aws_access_key_id"],
        aws_secret_access_key=credentials["aws_secret_access_key"],
        aws_session_token=credentials["aws_session_token"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, connect_timeout=5, read_timeout=30),
    )
