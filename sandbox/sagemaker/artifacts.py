"""The S3 objects that a container needs: where they are, and whether its execution role can read them."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.services import s3

from sandbox.sagemaker import rights, roles
from sandbox.sagemaker.errors import Invalid
from sandbox.sagemaker.state import Record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NO_SUCH_THING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


@dataclass(frozen=True)
class Artifact:
    """One object or prefix, and the folder of the container (below /opt/ml) into which it goes."""

    bucket: str
    key: str
    kind: str  # S3Object or S3Prefix
    compressed: bool
    folder: str
    etag: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def as_record(self) -> Record:
        return asdict(self)


def of_container(container: Record) -> list[Artifact]:
    """What the container's definition says is to be downloaded before it starts."""
    return list(_artifacts(container))


def _artifacts(container: Record) -> Iterator[Artifact]:
    if "ModelDataUrl" in container:
        multi_model = container.get("Mode") == "MultiModel"
        yield _at(
            container["ModelDataUrl"],
            kind="S3Prefix" if multi_model else "S3Object",
            compressed=not multi_model,
            folder="model",
        )
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        yield _of_source(source, "model")
    for additional in container.get("AdditionalModelDataSources", []):
        folder = f"additional-model-data-sources/{additional['ChannelName']}"
        yield _of_source(additional["S3DataSource"], folder)


def _of_source(source: Record, folder: str) -> Artifact:
    kind = str(source["S3DataType"])
    if kind == "S3Prefix" and not source["S3Uri"].endswith("/"):
        raise Invalid(f"S3Uri {source['S3Uri']} must end with a forward slash when S3DataType is S3Prefix.")
    artifact = _at(source["S3Uri"], kind=kind, compressed=source["CompressionType"] == "Gzip", folder=folder)
    return replace(artifact, etag=source.get("ETag"))


def _at(uri: str, *, kind: str, compressed: bool, folder: str) -> Artifact:
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not (key or kind == "S3Prefix"):
        raise Invalid(f"Invalid S3 URI: {uri}")
    return Artifact(bucket=bucket, key=key, kind=kind, compressed=compressed, folder=folder)


def require_readable(container: Record, credentials: roles.Credentials, role_arn: str) -> None:
    """Look at each artifact with the execution role's rights. Raises what CreateModel answers."""
    for artifact in of_container(container):
        try:
            _look(artifact, credentials)
        except ClientError as error:
            if error.response["Error"]["Code"] in NO_SUCH_THING:
                raise Invalid(f"Could not find model data at {artifact.uri}.") from error
            raise no_access(artifact.uri, role_arn, credentials.region) from error
        except PermissionError as error:
            raise no_access(artifact.uri, role_arn, credentials.region) from error


def no_access(uri: str, role_arn: str, region: str) -> Invalid:
    return Invalid(
        f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal '
        f'"{roles.SERVICE_PRINCIPAL}". '
        f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {region}. '
        "If your Model uses multiple models or uncompressed models, please ensure that the role has "
        '"s3:ListBucket" permission.'
    )


def _look(artifact: Artifact, credentials: roles.Credentials) -> None:
    _require_same_region(artifact.bucket, credentials.region)
    client = s3_client(credentials)
    if artifact.kind == "S3Object":
        found = _look_at_object(client, artifact.bucket, artifact.key, credentials)
        if artifact.etag is not None and artifact.etag.strip('"') != found:
            raise Invalid(f"The ETag of the model data at {artifact.uri} is {found}, not {artifact.etag}.")
        return
    listing = client.list_objects_v2(Bucket=artifact.bucket, Prefix=artifact.key, MaxKeys=2)
    keys = [item["Key"] for item in listing.get("Contents", [])]
    if not keys:
        raise Invalid(f"Could not find model data at {artifact.uri}.")
    _look_at_object(client, artifact.bucket, keys[-1], credentials)


def _look_at_object(client: "S3Client", bucket: str, key: str, credentials: roles.Credentials) -> str:
    head = client.head_object(Bucket=bucket, Key=key)
    key_arn = head.get("SSEKMSKeyId")
    if key_arn and not rights.may_decrypt(credentials, _as_key_arn(key_arn, bucket, credentials)):
        raise PermissionError(key_arn)
    return head["ETag"].strip('"')


def _as_key_arn(key: str, bucket: str, credentials: roles.Credentials) -> str:
    owner = s3._bucket_owner_account(bucket) or credentials.account
    return key if key.startswith("arn:") else f"arn:aws:kms:{credentials.region}:{owner}:key/{key}"


def _require_same_region(bucket: str, region: str) -> None:
    owner = s3._bucket_owner_account(bucket)
    record: dict[str, Any] = s3._buckets.get_scoped(owner, None, bucket) or {}
    if record and (record.get("region") or "us-east-1") != region:
        raise PermissionError(bucket)


def s3_client(credentials: roles.Credentials) -> "S3Client":
    """S3 as the execution role, over the sandbox's own listener: its requests are signed and judged like anyone's."""
    return boto3.client(
        "s3",
        region_name=credentials.region,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, connect_timeout=5, read_timeout=30),
    )
