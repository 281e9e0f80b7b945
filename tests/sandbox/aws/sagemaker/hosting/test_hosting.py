"""What is served is the artifact itself, fetched with the execution role's permissions."""

import io
import os
import tarfile
import time
from pathlib import Path

import pytest

from tests.sandbox.aws.sagemaker.builders import (
    BUCKET,
    IMAGE,
    INFERENCE,
    SageMakerBuilder,
    new_builder,
    refused,
    tarball,
    unique,
)
from tests.sandbox.aws.sagemaker.server import ACCOUNT, Server, running_server

DOUBLING = """
def model_fn(model_dir):
    return lambda number: number * 2
"""


def put(server: Server, files: dict[str, str]) -> str:
    """The files as an archive in the bucket; returns its S3 URI."""
    return put_bytes(server, tarball(files))


def put_bytes(server: Server, archive: bytes) -> str:
    key = f"{unique('archive')}.tar.gz"
    server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive)
    return f"s3://{BUCKET}/{key}"


def test_the_script_can_come_from_a_source_archive(builder: SageMakerBuilder, server: Server) -> None:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": put(server, {"model.json": '{"factor": 5}'}),
        "Environment": {
            "SAGEMAKER_SUBMIT_DIRECTORY": put(server, {"serve.py": INFERENCE}),
            "SAGEMAKER_PROGRAM": "serve.py",
            "GREETING": "hello",
        },
    }
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)))
    assert builder.invoke(endpoint, 3) == {"answer": 15, "greeting": "hello"}


def test_network_isolation_keeps_the_source_archive_out_of_reach(builder: SageMakerBuilder, server: Server) -> None:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": builder.data(),
        "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": put(server, {"inference.py": INFERENCE})},
    }
    model = builder.model(PrimaryContainer=container, EnableNetworkIsolation=True)
    endpoint = builder.endpoint(builder.config(model), status="Failed")
    assert "ping health check" in builder.rest(endpoint)["FailureReason"]


def test_a_model_can_be_a_tree_of_plain_files(builder: SageMakerBuilder, server: Server) -> None:
    prefix, storage = unique("tree"), server.client("s3")
    storage.put_object(Bucket=BUCKET, Key=f"{prefix}/model.json", Body=b'{"factor": 6}')
    storage.put_object(Bucket=BUCKET, Key=f"{prefix}/code/inference.py", Body=INFERENCE.encode())
    source = {"S3Uri": f"s3://{BUCKET}/{prefix}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)))
    assert builder.invoke(endpoint, 2)["answer"] == 12


def test_an_etag_pins_the_model_data(builder: SageMakerBuilder, server: Server) -> None:
    uri = builder.data()
    key = uri.removeprefix(f"s3://{BUCKET}/")
    etag = server.client("s3").head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
    source = {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}

    def container(pinned: str) -> dict[str, object]:
        return {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source | {"ETag": pinned}}}

    with refused("ValidationException", "The ETag of the model data"):
        builder.model(PrimaryContainer=container("0" * 32))
    assert builder.endpoint(builder.config(builder.model(PrimaryContainer=container(etag))))


def test_additional_model_data_is_stored_beside_the_model(builder: SageMakerBuilder, server: Server) -> None:
    script = INFERENCE.replace('model_dir) / "model.json"', 'model_dir) / "../additional-model-data-sources/more/x"')
    extra = unique("extra")
    server.client("s3").put_object(Bucket=BUCKET, Key=f"{extra}/x", Body=b'{"factor": 9}')
    more = {"S3Uri": f"s3://{BUCKET}/{extra}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {
        "Image": IMAGE,
        "ModelDataUrl": builder.data(script=script),
        "AdditionalModelDataSources": [{"ChannelName": "more", "S3DataSource": more}],
    }
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)))
    assert builder.invoke(endpoint, 1)["answer"] == 9


def test_a_pipeline_hands_each_answer_to_the_next_container(builder: SageMakerBuilder, server: Server) -> None:
    double = {"Image": IMAGE, "ModelDataUrl": put(server, {"code/inference.py": DOUBLING})}
    model = unique("model")
    builder.sagemaker.create_model(
        ModelName=model, Containers=[double, double, double], ExecutionRoleArn=builder.execution_role
    )
    assert builder.invoke(builder.endpoint(builder.config(model)), 1) == 8


def test_deleted_model_data_fails_the_endpoint_with_its_s3_uri(builder: SageMakerBuilder, server: Server) -> None:
    uri = builder.data()
    model = builder.model(PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri})
    server.client("s3").delete_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))
    endpoint = builder.endpoint(builder.config(model), status="Failed")
    reason = builder.rest(endpoint)["FailureReason"]
    assert reason.startswith(f'Failed to download model data for container "primary" from URL: "{uri}"')


def test_a_source_archive_that_the_role_may_not_read_fails_the_endpoint(
    builder: SageMakerBuilder, server: Server
) -> None:
    elsewhere = unique("elsewhere")
    server.client("s3").create_bucket(Bucket=elsewhere)
    server.client("s3").put_object(Bucket=elsewhere, Key="s.tar.gz", Body=tarball({"inference.py": INFERENCE}))
    uri = f"s3://{elsewhere}/s.tar.gz"
    container = {
        "Image": IMAGE,
        "ModelDataUrl": builder.data(),
        "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": uri},
    }
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)), status="Failed")
    assert uri in builder.rest(endpoint)["FailureReason"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.REGTYPE])
def test_an_archive_that_reaches_outside_is_not_unpacked(
    builder: SageMakerBuilder, server: Server, kind: bytes
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        field = tarfile.TarInfo("../outside" if kind == tarfile.REGTYPE else "link")
        field.type, field.linkname = kind, "/etc/passwd"
        archive.addfile(field)
    container = {"Image": IMAGE, "ModelDataUrl": put_bytes(server, buffer.getvalue())}
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)), status="Failed")
    assert "Failed to extract model data archive" in builder.rest(endpoint)["FailureReason"]


def test_a_models_own_failure_is_a_model_error(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    with pytest.raises(builder.runtime.exceptions.ModelError) as caught:
        builder.invoke(endpoint, "fail")
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == 500
    assert answer["OriginalMessage"] == "the model cannot do this"
    assert f"log-group:/aws/sagemaker/Endpoints/{endpoint}" in answer["LogStreamArn"]


def test_the_answer_names_its_variant_and_carries_attributes(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    answer = builder.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=b"1", CustomAttributes="trace=1"
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "trace=1"


def test_csv_goes_in_and_out(builder: SageMakerBuilder, server: Server) -> None:
    adding = "def model_fn(d):\n    return lambda rows: [sum(row) for row in rows]\n"
    container = {"Image": IMAGE, "ModelDataUrl": put(server, {"code/inference.py": adding})}
    endpoint = builder.endpoint(builder.config(builder.model(PrimaryContainer=container)))
    answer = builder.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=b"1,2\n3,4\n"
    )
    assert (answer["ContentType"], answer["Body"].read()) == ("text/csv", b"3.0\n7.0")


def test_variants_share_the_requests_by_weight(builder: SageMakerBuilder) -> None:
    variants = [
        {"VariantName": name, "ModelName": builder.model(factor=factor), "InitialVariantWeight": weight}
        | {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        for name, factor, weight in (("Old", 1, 0.0), ("New", 2, 1.0))
    ]
    config = unique("config")
    builder.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    endpoint = builder.endpoint(config)
    assert {builder.invoke(endpoint, 1)["answer"] for _ in range(10)} == {2}
    assert builder.invoke(endpoint, 1, TargetVariant="Old")["answer"] == 1
    with refused("ValidationError", "Variant Other not found"):
        builder.invoke(endpoint, 1, TargetVariant="Other")


def test_a_containers_output_is_logged(builder: SageMakerBuilder, server: Server) -> None:
    script = INFERENCE + "\nprint('here I am')\n"
    endpoint = builder.endpoint(builder.config(builder.model(script=script)))
    logs = server.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
    assert "here I am" in [event["message"] for event in events]
    (file,) = server.logs.rglob(f"{endpoint}-AllTraffic-*.log")
    assert "here I am" in file.read_text()


def test_a_container_knows_its_role_and_nothing_of_the_server(builder: SageMakerBuilder) -> None:
    script = """
import os, boto3
def model_fn(model_dir):
    return {"role": boto3.client("sts").get_caller_identity()["Arn"], "names": sorted(os.environ)}
def predict_fn(data, model):
    return model
"""
    observed = builder.invoke(builder.endpoint(builder.config(builder.model(script=script))))
    role = builder.execution_role.rsplit("/", 1)[-1]
    assert observed["role"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/SageMaker"
    assert not {"GATEWAY_PORT", "AUTH", "MINISTACK_SSL_KEY"} & set(observed["names"])


def test_hosting_ends_with_the_server(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        script = INFERENCE.replace('"answer":', '"pid": os.getpid(), "answer":')
        builder = new_builder(server)
        pid = builder.invoke(builder.endpoint(builder.config(builder.model(script=script))))["pid"]
        os.kill(pid, 0)
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
