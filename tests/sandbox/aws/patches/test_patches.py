"""The patches of several services. `patched` runs a test also against unpatched MiniStack, where it must fail."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import (
    DEV,
    HUB,
    QA,
    allow,
    crc64,
    create_bucket,
    create_function,
    create_key,
    create_role,
    create_state_machine,
    encrypt_bucket,
    eventually,
    finished,
    policy,
    refusal,
    s3_of,
    trust,
)

WHEN_REQUIRED = Config(request_checksum_calculation="when_required")

# Lambda


def test_a_function_fails_with_the_name_of_its_exception(patched: Sandbox, name: str) -> None:
    create_function(patched, HUB, name, "class Refused(Exception): pass\ndef handler(e, c): raise Refused('no')")
    answer = patched.client("lambda").invoke(FunctionName=name)
    failure = json.loads(answer["Payload"].read())
    assert (failure["errorType"], failure["errorMessage"]) == ("Refused", "no")


def test_a_function_finds_only_what_it_brings_and_what_the_runtime_has(patched: Sandbox, name: str) -> None:
    source = "import boto3, ministack\ndef handler(e, c): return 'found'"
    create_function(patched, HUB, name, source)
    answer = patched.client("lambda").invoke(FunctionName=name)
    assert "No module named 'ministack'" in answer["Payload"].read().decode()


def test_a_function_finds_what_it_brings_first(bare_sandbox: Sandbox, name: str) -> None:
    source = "import six\ndef handler(e, c): return six.mine"
    create_function(bare_sandbox, HUB, name, source, files={"six.py": "mine = 'the bundle'"})
    answer = bare_sandbox.client("lambda").invoke(FunctionName=name)
    assert json.loads(answer["Payload"].read()) == "the bundle"


def test_a_function_reaches_aws_with_its_role(bare_sandbox: Sandbox, name: str) -> None:
    source = "import boto3\ndef handler(e, c): return boto3.client('sts').get_caller_identity()['Arn']"
    create_function(bare_sandbox, HUB, name, source)
    answer = bare_sandbox.client("lambda").invoke(FunctionName=name)
    assert json.loads(answer["Payload"].read()) == f"arn:aws:sts::{HUB}:assumed-role/{name}-function/{name}"


# Buckets of other accounts


def test_a_bucket_policy_that_names_a_role_lets_that_role_in(patched: Sandbox, name: str) -> None:
    role = create_role(patched, DEV, name, allow("s3:PutObject"))
    put = {
        "Effect": "Allow",
        "Principal": {"AWS": role},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    create_bucket(patched, QA, name, put)
    s3_of(patched, DEV, role).put_object(Bucket=name, Key="k", Body=b"x")


def test_a_bucket_policy_that_names_a_role_keeps_another_role_out(bare_sandbox: Sandbox, name: str) -> None:
    named = create_role(bare_sandbox, DEV, name, allow("s3:PutObject"))
    other = create_role(bare_sandbox, DEV, f"{name}-other", allow("s3:PutObject"))
    put = {
        "Effect": "Allow",
        "Principal": {"AWS": named},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    create_bucket(bare_sandbox, QA, name, put)
    answer = refusal(s3_of(bare_sandbox, DEV, other).put_object, Bucket=name, Key="k", Body=b"x")
    assert answer.startswith("AccessDenied")


@pytest.fixture
def copier(name: str) -> Callable[[Sandbox], Any]:
    """A role's S3 client in dev, with a source bucket `<name>-from` in dev and a target bucket `<name>-to` in qa."""

    def attributes_of(sandbox: Sandbox) -> Any:
        role = create_role(sandbox, DEV, name, allow("s3:*"))
        write = allow("s3:*", f"arn:aws:s3:::{name}-to/*", Principal={"AWS": f"arn:aws:iam::{DEV}:root"})
        create_bucket(sandbox, DEV, f"{name}-from")
        create_bucket(sandbox, QA, f"{name}-to", write)
        return s3_of(sandbox, DEV, role)

    return attributes_of


def test_an_object_is_copied_to_another_account(patched: Sandbox, name: str, copier: Any) -> None:
    s3 = copier(patched)
    s3.put_object(Bucket=f"{name}-from", Key="k", Body=b"content")
    s3.copy_object(Bucket=f"{name}-to", Key="k", CopySource=f"{name}-from/k")
    assert patched.client("s3", QA).get_object(Bucket=f"{name}-to", Key="k")["Body"].read() == b"content"


def test_an_object_is_copied_in_parts_to_another_account(patched: Sandbox, name: str, copier: Any) -> None:
    s3 = copier(patched)
    s3.put_object(Bucket=f"{name}-from", Key="k", Body=b"content")
    upload = s3.create_multipart_upload(Bucket=f"{name}-to", Key="k")["UploadId"]
    target = {"Bucket": f"{name}-to", "Key": "k", "UploadId": upload}
    part = s3.upload_part_copy(**target, PartNumber=1, CopySource=f"{name}-from/k", CopySourceRange="bytes=0-6")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    s3.complete_multipart_upload(**target, MultipartUpload=parts)
    assert patched.client("s3", QA).head_object(Bucket=f"{name}-to", Key="k")["ContentLength"] == len(b"content")


def test_a_version_of_an_object_is_copied_to_another_account(patched: Sandbox, name: str, copier: Any) -> None:
    s3 = copier(patched)
    s3.put_bucket_versioning(Bucket=f"{name}-from", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=f"{name}-from", Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=f"{name}-from", Key="k", Body=b"second")
    source = {"Bucket": f"{name}-from", "Key": "k", "VersionId": first}
    s3.copy_object(Bucket=f"{name}-to", Key="k", CopySource=source)
    assert patched.client("s3", QA).get_object(Bucket=f"{name}-to", Key="k")["Body"].read() == b"first"


def test_the_expected_owner_of_a_bucket_must_be_its_owner(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    s3.put_object(Bucket=name, Key="k", Body=b"x", ExpectedBucketOwner=DEV)
    assert refusal(s3.put_object, Bucket=name, Key="k", Body=b"x", ExpectedBucketOwner=QA).startswith("AccessDenied")


def test_the_expected_owner_of_a_copy_source_must_be_its_owner(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    copy = {"Bucket": name, "Key": "copy", "CopySource": f"{name}/k", "ExpectedSourceBucketOwner": QA}
    assert refusal(s3.copy_object, **copy).startswith("AccessDenied")


def test_a_policy_may_name_the_account_of_the_bucket(patched: Sandbox, name: str) -> None:
    ours = {"StringEquals": {"s3:ResourceAccount": QA}}
    role = create_role(patched, DEV, name, allow("s3:PutObject", Condition=ours))
    account = f"arn:aws:iam::{DEV}:root"
    create_bucket(patched, QA, name, allow("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal={"AWS": account}))
    s3_of(patched, DEV, role).put_object(Bucket=name, Key="k", Body=b"x")


def test_the_principal_of_a_session_is_its_role(patched: Sandbox, name: str) -> None:
    role = create_role(patched, DEV, name, allow("s3:*"))
    by_role = {"ArnLike": {"aws:PrincipalArn": role}}
    own = allow("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal={"AWS": role})
    denied = {**allow("s3:*", f"arn:aws:s3:::{name}/denied", Principal="*", Condition=by_role), "Effect": "Deny"}
    create_bucket(patched, QA, name, own, denied)
    s3 = s3_of(patched, DEV, role)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert refusal(s3.put_object, Bucket=name, Key="denied", Body=b"x").startswith("AccessDenied")


# Buckets of other Regions

IRELAND = "eu-west-1"


def test_a_request_in_another_region_than_the_buckets_is_sent_there(bare_sandbox: Sandbox, name: str) -> None:
    role = create_role(bare_sandbox, DEV, name, allow("s3:*"))
    put = allow("s3:*", f"arn:aws:s3:::{name}/*", Principal={"AWS": role})
    create_bucket(bare_sandbox, QA, name, put, region=IRELAND)
    s3, statuses = s3_of(bare_sandbox, DEV, role), []
    s3.meta.events.register("response-received.s3", lambda response_dict, **_: statuses.append(response_dict))
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert [answer["status_code"] for answer in statuses] == [301, 200]


def test_an_object_is_copied_to_another_account_and_region(patched: Sandbox, name: str, copier: Any) -> None:
    write = allow("s3:*", f"arn:aws:s3:::{name}-ireland/*", Principal={"AWS": f"arn:aws:iam::{DEV}:root"})
    create_bucket(patched, QA, f"{name}-ireland", write, region=IRELAND)
    copier(patched).put_object(Bucket=f"{name}-from", Key="k", Body=b"content")
    credentials = patched.assume(f"arn:aws:iam::{DEV}:role/{name}")
    s3_in_ireland = patched.client("s3", DEV, credentials, region=IRELAND)
    s3_in_ireland.copy_object(Bucket=f"{name}-ireland", Key="k", CopySource=f"{name}-from/k")
    copied = patched.client("s3", QA, region=IRELAND).get_object(Bucket=f"{name}-ireland", Key="k")
    assert copied["Body"].read() == b"content"


# Conditions and checksums


def test_a_bucket_policy_may_want_that_nothing_is_overwritten(patched: Sandbox, name: str) -> None:
    role = create_role(patched, DEV, name, allow("s3:*"))
    overwriting = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    put = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"}
    create_bucket(patched, DEV, name, {**put, "Condition": overwriting})
    s3 = s3_of(patched, DEV, role)
    s3.put_object(Bucket=name, Key="k", Body=b"x", IfNoneMatch="*")
    s3.create_multipart_upload(Bucket=name, Key="parts")
    assert refusal(s3.put_object, Bucket=name, Key="other", Body=b"x").startswith("AccessDenied")


def test_a_copy_that_must_not_overwrite_does_not(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k", IfNoneMatch="*")
    again = {"Bucket": name, "Key": "copy", "CopySource": f"{name}/k", "IfNoneMatch": "*"}
    assert refusal(s3.copy_object, **again).startswith("PreconditionFailed")


def test_an_object_without_a_checksum_of_the_client_gets_crc64nvme(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV, config=WHEN_REQUIRED)
    s3.put_object(Bucket=name, Key="k", Body=b"content")
    head = s3.head_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    assert (head.get("ChecksumCRC64NVME"), head.get("ChecksumType")) == (crc64(b"content"), "FULL_OBJECT")


def test_a_copy_keeps_the_checksum_and_answers_with_it(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    put = s3.put_object(Bucket=name, Key="k", Body=b"content", ChecksumAlgorithm="CRC64NVME")
    copy = s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")["CopyObjectResult"]
    assert copy["ChecksumCRC64NVME"] == crc64(b"content"), put


def test_a_copy_of_an_object_with_a_checksum_of_its_parts_gets_one_of_the_whole(
    bare_sandbox: Sandbox, name: str
) -> None:
    create_bucket(bare_sandbox, DEV, name)
    s3 = bare_sandbox.client("s3", DEV)
    upload = s3.create_multipart_upload(Bucket=name, Key="k", ChecksumAlgorithm="CRC32")["UploadId"]
    target = {"Bucket": name, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**target, PartNumber=1, Body=b"content", ChecksumAlgorithm="CRC32")
    listed = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [listed]})
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")
    types = [s3.head_object(Bucket=name, Key=key, ChecksumMode="ENABLED")["ChecksumType"] for key in ("k", "copy")]
    assert types == ["COMPOSITE", "FULL_OBJECT"]


# Encryption with a customer's key


@pytest.mark.parametrize("by_default", [True, False], ids=["by default", "by header"])
def test_writing_with_a_key_needs_generate_data_key(patched: Sandbox, name: str, by_default: bool) -> None:
    role = create_role(patched, DEV, name, allow("s3:*"))
    key = create_key(patched, DEV)
    create_bucket(patched, DEV, name)
    header = {} if by_default else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    if by_default:
        encrypt_bucket(patched, DEV, name, key)
    answer = refusal(s3_of(patched, DEV, role).put_object, Bucket=name, Key="k", Body=b"x", **header)
    assert answer.startswith("AccessDenied")
    assert f"not authorized to perform: kms:GenerateDataKey on resource: {key}" in answer


def test_reading_with_a_key_needs_decrypt(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    role = create_role(patched, DEV, name, allow("s3:*"), allow("kms:GenerateDataKey", key))
    create_bucket(patched, DEV, name)
    encrypt_bucket(patched, DEV, name, key)
    s3 = s3_of(patched, DEV, role)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.head_object(Bucket=name, Key="k")
    assert "kms:Decrypt" in refusal(s3.get_object, Bucket=name, Key="k")


def test_reading_a_checksum_of_an_encrypted_object_needs_decrypt(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    role = create_role(patched, DEV, name, allow("s3:*"))
    create_bucket(patched, DEV, name)
    encrypt_bucket(patched, DEV, name, key)
    patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x")
    s3 = s3_of(patched, DEV, role)
    assert refusal(s3.head_object, Bucket=name, Key="k", ChecksumMode="ENABLED").startswith("403")


def test_copying_needs_decrypt_on_the_source_s_key(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    role = create_role(patched, DEV, name, allow("s3:*"))
    create_bucket(patched, DEV, name)
    header = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", **header)
    answer = refusal(s3_of(patched, DEV, role).copy_object, Bucket=name, Key="copy", CopySource=f"{name}/k")
    assert "kms:Decrypt" in answer


def test_an_upload_in_parts_needs_decrypt_too(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    role = create_role(patched, DEV, name, allow("s3:*"), allow("kms:GenerateDataKey", key))
    create_bucket(patched, DEV, name)
    encrypt_bucket(patched, DEV, name, key)
    s3 = s3_of(patched, DEV, role)
    upload = s3.create_multipart_upload(Bucket=name, Key="k")["UploadId"]
    part = {"Bucket": name, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"x"}
    assert "kms:Decrypt" in refusal(s3.upload_part, **part)


def test_a_key_of_another_account_needs_its_own_policy_too(patched: Sandbox, name: str) -> None:
    key = create_key(patched, QA)
    role = create_role(patched, DEV, name, allow("s3:*"), allow("kms:*", key))
    put = allow("s3:*", f"arn:aws:s3:::{name}/*", Principal={"AWS": f"arn:aws:iam::{DEV}:root"})
    create_bucket(patched, QA, name, put)
    encrypt_bucket(patched, QA, name, key)
    answer = refusal(s3_of(patched, DEV, role).put_object, Bucket=name, Key="k", Body=b"x")
    assert "no resource-based policy allows the kms:GenerateDataKey action" in answer


def test_a_key_policy_may_want_the_use_through_s3(bare_sandbox: Sandbox, name: str) -> None:
    role = create_role(bare_sandbox, DEV, name, allow("s3:*"), allow("kms:GenerateDataKey"))
    through = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    key = create_key(bare_sandbox, QA, allow("kms:GenerateDataKey", Principal={"AWS": role}, Condition=through))
    put = allow("s3:*", f"arn:aws:s3:::{name}/*", Principal={"AWS": role})
    create_bucket(bare_sandbox, QA, name, put)
    encrypt_bucket(bare_sandbox, QA, name, key)
    s3_of(bare_sandbox, DEV, role).put_object(Bucket=name, Key="k", Body=b"x")


def test_a_key_of_another_region_than_the_buckets_is_not_found(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": create_key(patched, DEV, region=IRELAND)}
    s3 = patched.client("s3", DEV)
    assert refusal(s3.put_object, Bucket=name, Key="k", Body=b"x", **key).startswith("KMS.NotFoundException")


def test_a_copy_to_another_region_uses_each_ends_own_key(patched: Sandbox, name: str) -> None:
    """The source is decrypted through S3 in its own Region, and the copy encrypted through S3 in the target's."""

    def through(action: str, region: str) -> dict[str, Any]:
        via = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
        return allow(action, f"arn:aws:kms:{region}:{DEV}:key/*", Condition=via)

    reading, writing = through("kms:Decrypt", "us-east-1"), through("kms:GenerateDataKey", IRELAND)
    iam, s3 = patched.client("iam", DEV), patched.client("s3", DEV)
    role = create_role(patched, DEV, name, allow("s3:*"), reading, writing)
    for bucket, region in ((f"{name}-from", None), (f"{name}-to", IRELAND)):
        create_bucket(patched, DEV, bucket, region=region)
        # A bare id: which Region's key it is follows from the bucket.
        key = create_key(patched, DEV, region=region).rpartition("/")[2]
        encrypt_bucket(patched, DEV, bucket, key)
    s3.put_object(Bucket=f"{name}-from", Key="k", Body=b"x")
    s3_in_ireland = patched.client("s3", DEV, patched.assume(role), region=IRELAND)
    s3_in_ireland.copy_object(Bucket=f"{name}-to", Key="k", CopySource=f"{name}-from/k")
    iam.put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="it", PolicyDocument=policy(allow("s3:*"), writing)
    )
    copy = {"Bucket": f"{name}-to", "Key": "again", "CopySource": f"{name}-from/k"}
    assert "kms:Decrypt on resource: arn:aws:kms:us-east-1:" in refusal(s3_in_ireland.copy_object, **copy)


def test_kms_without_a_key_takes_the_account_s_own(patched: Sandbox, name: str) -> None:
    role = create_role(patched, DEV, name, allow("s3:*"))
    create_bucket(patched, DEV, name)
    s3 = s3_of(patched, DEV, role)
    s3.put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert s3.get_object(Bucket=name, Key="k")["ServerSideEncryption"] == "aws:kms"


def test_another_account_cannot_read_what_the_account_s_own_key_encrypts(bare_sandbox: Sandbox, name: str) -> None:
    role = create_role(bare_sandbox, DEV, name, allow("s3:*"), allow("kms:*"))
    create_bucket(bare_sandbox, QA, name, allow("s3:*", f"arn:aws:s3:::{name}/*", Principal={"AWS": role}))
    bare_sandbox.client("s3", QA).put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert "kms:Decrypt" in refusal(s3_of(bare_sandbox, DEV, role).get_object, Bucket=name, Key="k")


# Events


def forward(
    sandbox: Sandbox,
    name: str,
    *,
    role_may: str = "events:PutEvents",
    bus_policy: bool = True,
    region: str | None = None,
) -> list[Any]:
    """Send an event from dev's bus (in a Region) to the hub's, and from there to a queue. Returns what arrives."""
    events = sandbox.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    role = create_role(sandbox, DEV, name, allow(role_may, bus), by={"Service": "events.amazonaws.com"})
    if bus_policy:
        source = {"StringEquals": {"events:source": name}}
        put = allow("events:PutEvents", bus, Principal={"AWS": f"arn:aws:iam::{DEV}:root"}, Condition=source)
        events.put_permission(EventBusName=name, Policy=policy(put))
    pattern = json.dumps({"source": [name]})
    queue = sandbox.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
    events.put_targets(
        Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{HUB}:{name}"}]
    )
    sending = sandbox.client("events", DEV, region=region)
    sending.put_rule(Name=name, EventPattern=pattern)
    sending.put_targets(Rule=name, Targets=[{"Id": "hub", "Arn": bus, "RoleArn": role}])
    sending.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    messages = sandbox.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_an_event_reaches_a_bus_of_another_account(patched: Sandbox, name: str) -> None:
    arrived = forward(patched, name)
    assert [event["account"] for event in arrived] == [DEV]


def test_an_event_reaches_a_bus_of_another_account_and_region(patched: Sandbox, name: str) -> None:
    arrived = forward(patched, name, region=IRELAND)
    assert [(event["account"], event["region"]) for event in arrived] == [(DEV, IRELAND)]


def test_an_event_needs_the_bus_s_policy(bare_sandbox: Sandbox, name: str) -> None:
    assert forward(bare_sandbox, name, bus_policy=False) == []


def test_an_event_needs_the_rule_s_role(bare_sandbox: Sandbox, name: str) -> None:
    assert forward(bare_sandbox, name, role_may="events:PutRule") == []


def test_a_rule_starts_an_execution_only_with_a_role_that_may(patched: Sandbox, name: str) -> None:
    role = create_role(patched, HUB, name, allow("states:StopExecution"), by={"Service": "events.amazonaws.com"})
    machine = create_state_machine(patched, name, role)
    take = allow("sqs:SendMessage", Principal={"Service": "events.amazonaws.com"})
    queue = patched.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy(take)})["QueueUrl"]
    events = patched.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    letters = {"Arn": f"arn:aws:sqs:us-east-1:{HUB}:{name}"}
    target = {"Id": "m", "Arn": machine, "RoleArn": role, "DeadLetterConfig": letters}
    events.put_targets(Rule=name, Targets=[target])
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    assert patched.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []
    (letter,) = patched.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert "states:StartExecution" in letter["Body"]


# State machines


def test_a_task_needs_the_state_machine_s_role(patched: Sandbox, name: str) -> None:
    function = create_function(patched, HUB, name, "def handler(e, c): return e")
    role = create_role(patched, HUB, name, by={"Service": "states.amazonaws.com"})
    machine = create_state_machine(patched, name, role, {"Resource": function})
    execution = patched.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    answer = finished(patched, execution)
    assert (answer["status"], answer["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert "lambda:InvokeFunction" in answer["cause"]


def test_a_task_runs_with_a_role_that_may(bare_sandbox: Sandbox, name: str) -> None:
    function = create_function(bare_sandbox, HUB, name, "def handler(e, c): return e")
    states = {"Service": "states.amazonaws.com"}
    role = create_role(bare_sandbox, HUB, name, allow("lambda:InvokeFunction", function), by=states)
    invoke = {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": function, "Payload": {}}}
    machine = create_state_machine(bare_sandbox, name, role, {"Resource": function}, invoke)
    execution = bare_sandbox.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    assert finished(bare_sandbox, execution)["status"] == "SUCCEEDED"


def test_an_execution_ends_with_the_output_of_its_succeed_state(patched: Sandbox, name: str) -> None:
    role = create_role(patched, HUB, name, by={"Service": "states.amazonaws.com"})
    end = {"Type": "Succeed", "QueryLanguage": "JSONata", "Output": "{% $states.input.a %}"}
    states = patched.client("stepfunctions")
    definition = json.dumps({"StartAt": "End", "States": {"End": end}})
    machine = states.create_state_machine(name=name, roleArn=role, definition=definition)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"a": "b"}')["executionArn"]
    assert json.loads(finished(patched, execution)["output"]) == "b"


def test_the_same_start_twice_is_one_execution_while_it_runs(patched: Sandbox, name: str) -> None:
    role = create_role(patched, HUB, name, by={"Service": "states.amazonaws.com"})
    states = patched.client("stepfunctions")
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3000, "End": True}}})
    machine = states.create_state_machine(name=name, roleArn=role, definition=definition)["stateMachineArn"]
    first = states.start_execution(stateMachineArn=machine, name="once", input="{}")
    again = states.start_execution(stateMachineArn=machine, name="once", input="{}")
    assert first["executionArn"] == again["executionArn"]
    other = refusal(states.start_execution, stateMachineArn=machine, name="once", input='{"a": 1}')
    assert other.startswith("ExecutionAlreadyExists")


# Rights that are asked for beside the obvious one


def test_a_quoted_wildcard_in_a_policy_is_the_character_itself(patched: Sandbox, name: str) -> None:
    create_bucket(patched, HUB, name)
    role = create_role(patched, HUB, name, allow("s3:PutObject", f"arn:aws:s3:::{name}/${{*}}${{?}}${{$}}*"))
    s3 = s3_of(patched, HUB, role)
    s3.put_object(Bucket=name, Key="*?$and more", Body=b"x")
    assert refusal(s3.put_object, Bucket=name, Key="abcd", Body=b"x").startswith("AccessDenied")


def test_a_missing_object_is_403_without_list_permission_and_404_with_it(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    reader = create_role(patched, DEV, name, allow("s3:GetObject"))
    lister = create_role(patched, DEV, f"{name}-list", allow(["s3:GetObject", "s3:ListBucket"]))
    codes = [refusal(s3_of(patched, DEV, r).head_object, Bucket=name, Key="k")[:3] for r in (reader, lister)]
    assert codes == ["403", "404"]


def test_a_copy_of_a_tagged_object_requires_the_tag_permissions(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", Tagging="a=b")
    role = create_role(patched, DEV, name, allow(["s3:GetObject", "s3:PutObject"]))
    s3 = s3_of(patched, DEV, role)
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k", TaggingDirective="REPLACE")
    assert "Tagging" in refusal(s3.copy_object, Bucket=name, Key="copy", CopySource=f"{name}/k")


# CloudFormation


def deploy(sandbox: Sandbox, account: str, name: str, resource_type: str, properties: dict[str, Any]) -> str:
    """Deploy a stack of one resource. Returns what became of it, with the reason."""
    template = {"Resources": {"R": {"Type": resource_type, "Properties": properties}}}
    stacks = sandbox.client("cloudformation", account)
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])

    def settled() -> Any:
        events = stacks.describe_stack_events(StackName=name)["StackEvents"]
        last = [event for event in events if event["LogicalResourceId"] == "R"]
        ended = last and not last[0]["ResourceStatus"].endswith("IN_PROGRESS")
        return f"{last[0]['ResourceStatus']}: {last[0].get('ResourceStatusReason')}" if ended else None

    return str(eventually(settled))


def test_a_template_encrypts_its_bucket(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    encryption = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]}
    deploy(patched, DEV, name, "AWS::S3::Bucket", {"BucketName": name, "BucketEncryption": encryption})
    answer = patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x")
    assert answer["SSEKMSKeyId"] == key


def test_a_template_has_its_bucket_cleaned_up(patched: Sandbox, name: str) -> None:
    rule = {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    properties = {"BucketName": name, "LifecycleConfiguration": {"Rules": [rule]}}
    deploy(patched, DEV, name, "AWS::S3::Bucket", properties)
    (stored,) = patched.client("s3", DEV).get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert stored["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_a_template_sets_a_bus_policy(patched: Sandbox, name: str) -> None:
    statement = allow("events:PutEvents", Principal={"AWS": f"arn:aws:iam::{DEV}:root"})
    properties = {"EventBusName": "default", "StatementId": name, "Statement": statement}
    deploy(patched, HUB, name, "AWS::Events::EventBusPolicy", properties)
    document = json.loads(patched.client("events").describe_event_bus()["Policy"])
    assert name in [statement["Sid"] for statement in document["Statement"]]


def test_a_role_cannot_trust_a_role_that_does_not_exist(patched: Sandbox, name: str) -> None:
    missing = f"arn:aws:iam::{HUB}:role/{name}-missing"
    document = json.loads(trust({"AWS": missing}))
    answer = deploy(patched, DEV, name, "AWS::IAM::Role", {"AssumeRolePolicyDocument": document})
    assert answer.startswith("CREATE_FAILED")
    assert f"Invalid principal in policy: {missing}" in answer


# What MiniStack does rightly, and the product counts on


def test_a_session_policy_narrows_a_role_of_another_account(bare_sandbox: Sandbox, name: str) -> None:
    role = create_role(bare_sandbox, QA, name, allow("s3:*"))
    create_bucket(bare_sandbox, QA, name)
    narrowed = bare_sandbox.assume(role, Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{name}/mine/*")))
    s3 = bare_sandbox.client("s3", QA, narrowed)
    assert refusal(s3.put_object, Bucket=name, Key="mine/k", Body=b"x").startswith("AccessDenied")
