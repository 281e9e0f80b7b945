"""How model data lies in S3, and how a container finds it: an archive, a file, a tree, or beside the model."""

from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, PULLING, SageMakerBuilder, described, refused, unique
from tests.sandbox.aws.sagemaker.server import Server
from tests.sandbox.aws.sagemaker.test_permissions import allow

# Says what lies below the folder that the request names (of /opt/ml).
LISTING = """
import os, pathlib

def model_fn(model_dir):
    return pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])

def predict_fn(data, base):
    return {str(path.relative_to(base / data)): path.read_text() for path in (base / data).rglob("*") if path.is_file()}
"""
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def source(uri: str, kind: str = "S3Prefix", compression: str = "None", **more: Any) -> dict[str, Any]:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression, **more}}


def scripted(builder: SageMakerBuilder) -> dict[str, Any]:
    """A container whose script comes from elsewhere, so that its model data is just what a test says."""
    return {"Image": IMAGE, "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": builder.archive({"inference.py": LISTING})}}


def laid_out(builder: SageMakerBuilder, data: dict[str, Any], folder: str = "model") -> Any:
    return builder.invoke(builder.endpoint_of(scripted(builder) | {"ModelDataSource": data}), folder)


def test_an_archive_is_unpacked(builder: SageMakerBuilder) -> None:
    archive = builder.archive({"weights/a": "1", "b": "2"})
    assert laid_out(builder, source(archive, "S3Object", "Gzip")) == {"weights/a": "1", "b": "2"}


def test_one_raw_object_is_one_file(builder: SageMakerBuilder) -> None:
    raw = builder.stored(f"{unique('raw')}/weights.bin", b"raw")
    assert laid_out(builder, source(raw, "S3Object")) == {"weights.bin": "raw"}


def test_a_prefix_is_a_tree_without_the_prefix(builder: SageMakerBuilder) -> None:
    tree = builder.tree({"a": "1", "deep/er/b": "2", "ünï códe/c d": "3", "empty": ""})
    assert laid_out(builder, source(tree)) == {"a": "1", "deep/er/b": "2", "ünï códe/c d": "3", "empty": ""}


def test_a_prefix_may_hold_more_objects_than_one_page_of_a_listing(builder: SageMakerBuilder) -> None:
    files = {f"part-{number:04}": str(number) for number in range(1001)}
    assert laid_out(builder, source(builder.tree(files))) == files


def test_an_object_can_be_named_by_its_https_url(builder: SageMakerBuilder) -> None:
    key = builder.archive({"a": "1"}).removeprefix(f"s3://{BUCKET}/")
    for uri in (
        f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{key}",
        f"https://s3.amazonaws.com/{BUCKET}/{key}",
    ):
        container = scripted(builder) | {"ModelDataUrl": uri}
        assert builder.invoke(builder.endpoint_of(container), "model") == {"a": "1"}


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a", "folder/"], "an empty file or directory name"),
        (["a", ""], "an empty file or directory name"),
        (["a//b"], "an empty file or directory name"),
        (["a/../b"], "'..' as a file or directory name"),
        (["a", "x" * 256], "more than 255 bytes"),
        (["weights", "weights/part1"], "'weights' would be a file"),
    ],
)
def test_objects_that_cannot_be_files_fail_the_endpoint(
    builder: SageMakerBuilder, names: list[str], problem: str
) -> None:
    tree = builder.tree(dict.fromkeys(names, "x"))
    reason = builder.failure_of(scripted(builder) | {"ModelDataSource": source(tree)})
    assert f'Failed to download model data for container "primary" from URL: "{tree}"' in reason
    assert problem in reason


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (source("s3://b/model"), "must end with a forward slash"),
        (source("s3://b/model/", compression="Gzip"), "CompressionType Gzip needs S3DataType S3Object"),
        (source("s3://b", "S3Object"), "Invalid S3 URI"),
        (source("https://example.com/model/"), "Invalid S3 URI"),
    ],
)
def test_an_impossible_source_is_refused(builder: SageMakerBuilder, data: dict[str, Any], problem: str) -> None:
    with refused("ValidationException", problem):
        builder.created(PrimaryContainer={"Image": IMAGE, "ModelDataSource": data})


def test_model_data_is_given_in_exactly_one_form(builder: SageMakerBuilder) -> None:
    archive = builder.data()
    container = {"Image": IMAGE, "ModelDataUrl": archive, "ModelDataSource": source(archive, "S3Object", "Gzip")}
    with refused("ValidationException", "either ModelDataUrl or ModelDataSource"):
        builder.created(PrimaryContainer=container)


def test_a_prefix_requires_permission_to_list_its_bucket(builder: SageMakerBuilder) -> None:
    role = builder.execution(allow("s3:GetObject", OBJECTS))
    container = {"Image": IMAGE, "ModelDataSource": source(builder.tree({"a": "1"}))}
    with refused("ValidationException", '"s3:ListBucket" permission'):
        builder.created(PrimaryContainer=container, ExecutionRoleArn=role)


def test_a_prefix_needs_objects_that_the_role_can_read(builder: SageMakerBuilder) -> None:
    listing = allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}")
    container = {"Image": IMAGE, "ModelDataSource": source(builder.tree({"a": "1"}))}
    with refused("ValidationException", '"s3:GetObject" permissions'):
        builder.created(PrimaryContainer=container, ExecutionRoleArn=builder.execution(listing))
    with refused("ValidationException", "Could not find model data"):
        nothing = source(f"s3://{BUCKET}/{unique('nothing')}/")
        builder.created(PrimaryContainer={"Image": IMAGE, "ModelDataSource": nothing})


def test_one_unreadable_object_below_a_prefix_fails_the_endpoint(builder: SageMakerBuilder) -> None:
    tree = builder.tree({"a": "1", "b": "2", "z": "secret"})
    key = tree.removeprefix(f"s3://{BUCKET}/") + "z"
    denial = allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/{key}") | {"Effect": "Deny"}
    role = builder.execution(allow("s3:*"), denial, PULLING)
    reason = builder.failure_of(scripted(builder) | {"ModelDataSource": source(tree)}, ExecutionRoleArn=role)
    assert "the role passed to CreateModel has permissions to download the object" in reason


def test_an_object_that_is_no_longer_the_pinned_one_fails_the_endpoint(
    builder: SageMakerBuilder, server: Server
) -> None:
    uri = builder.data()
    key = uri.removeprefix(f"s3://{BUCKET}/")
    etag = server.client("s3").head_object(Bucket=BUCKET, Key=key)["ETag"]
    container = {"Image": IMAGE, "ModelDataSource": source(uri, "S3Object", "Gzip", ETag=etag)}
    config = builder.config(builder.created(PrimaryContainer=container))
    builder.stored(key, b"something else")
    assert uri in builder.rest(builder.endpoint(config, status="Failed"))["FailureReason"]


def test_every_field_of_a_source_is_described(builder: SageMakerBuilder) -> None:
    hub = {"HubContentArn": "arn:aws:sagemaker:us-east-1:222222222222:hub-content/hub/Model/m/1.0.0"}
    data = source(builder.tree({"a": "1"}), ModelAccessConfig={"AcceptEula": True}, HubAccessConfig=hub)
    more = [{"ChannelName": "draft.1", **source(builder.tree({"b": "2"}))}]
    metrics = {"MetricsEndpoints": [{"MetricsEndpointPath": "/prometheus", "MetricPublishFrequencyInSeconds": 60}]}
    container = {"Image": IMAGE, "ModelDataSource": data, "AdditionalModelDataSources": more}
    container["ContainerMetricsConfig"] = metrics
    model = builder.created(PrimaryContainer=container)
    assert builder.sagemaker.describe_model(ModelName=model)["PrimaryContainer"] == described(container)


# Additional sources


def test_additional_data_is_stored_in_a_folder_of_its_channel(builder: SageMakerBuilder) -> None:
    sources = {
        "tree": source(builder.tree({"a": "1"})),
        "raw": source(builder.stored(f"{unique('raw')}/r.bin", b"2"), "S3Object"),
        "packed": source(builder.archive({"c": "3"}), "S3Object", "Gzip"),
    }
    channels = [{"ChannelName": name, **source_fields} for name, source_fields in sources.items()]
    endpoint = builder.endpoint_of(scripted(builder) | {"AdditionalModelDataSources": channels})
    files = builder.invoke(endpoint, "additional-model-data-sources")
    assert files == {"tree/a": "1", "raw/r.bin": "2", "packed/c": "3"}


@pytest.mark.parametrize("names", [["same", "same"], [".."], ["1", "2", "3", "4", "5", "6"]])
def test_channels_are_few_and_differ(builder: SageMakerBuilder, names: list[str]) -> None:
    tree = source(builder.tree({"a": "1"}))
    channels = [{"ChannelName": name, **tree} for name in names]
    with refused("ValidationException", "dditionalModelDataSources"):
        builder.created(PrimaryContainer={"Image": IMAGE, "AdditionalModelDataSources": channels})


# Manifests


def test_a_manifest_adds_the_objects_of_its_s3_uris(builder: SageMakerBuilder) -> None:
    tree, elsewhere = builder.tree({"a": "1", "deep/b": "2"}), builder.tree({"c": "3", "d": "4"})
    raw = builder.stored(f"{unique('raw')}/raw.bin", b"5")
    rows = f'location,size\n{tree}deep/b,1\n"{elsewhere}",2\n{raw},1\n'
    manifest = builder.stored(f"{unique('manifest')}.csv", rows.encode())
    files = laid_out(builder, source(tree, ManifestS3Uri=manifest))
    assert files == {"a": "1", "deep/b": "2", "c": "3", "d": "4", "raw.bin": "5"}


def test_a_manifest_must_be_the_pinned_one(builder: SageMakerBuilder) -> None:
    tree = builder.tree({"a": "1"})
    manifest = builder.stored(f"{unique('manifest')}.csv", b"")
    with refused("ValidationException", f"The ETag of the model data at {manifest}"):
        data = source(tree, ManifestS3Uri=manifest, ManifestEtag="0" * 32)
        builder.created(PrimaryContainer={"Image": IMAGE, "ModelDataSource": data})
    with refused("ValidationException", "Could not find model data"):
        data = source(tree, ManifestS3Uri=manifest + "x")
        builder.created(PrimaryContainer={"Image": IMAGE, "ModelDataSource": data})


def test_a_manifest_that_names_what_does_not_exist_fails_the_endpoint(builder: SageMakerBuilder) -> None:
    tree = builder.tree({"a": "1"})
    manifest = builder.stored(f"{unique('manifest')}.csv", f"{tree}missing\n".encode())
    reason = builder.failure_of(scripted(builder) | {"ModelDataSource": source(tree, ManifestS3Uri=manifest)})
    assert "Failed to download model data" in reason


# What the script reads itself


def test_a_script_reads_a_prefix_with_the_execution_roles_permissions(builder: SageMakerBuilder) -> None:
    script = """
import os, boto3

def model_fn(model_dir):
    return os.environ["HF_MODEL_ID"].removeprefix("s3://").partition("/")

def predict_fn(data, address):
    s3, (bucket, _, prefix) = boto3.client("s3"), address
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    return {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}
"""
    tree = builder.tree({"config.json": "{}", "weights/1": "w"})
    data = builder.archive({"code/inference.py": script})
    container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": {"HF_MODEL_ID": tree}}
    endpoint = builder.endpoint_of(container)
    assert builder.invoke(endpoint, 1) == {"config.json": "{}", "weights/1": "w"}
    role = builder.execution(allow("s3:GetObject", OBJECTS), PULLING)
    powerless = builder.endpoint_of(container, ExecutionRoleArn=role)
    with refused("ModelError", "AccessDenied"):
        builder.invoke(powerless, 1)
