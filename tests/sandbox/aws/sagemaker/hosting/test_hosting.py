"""What is served is the artifact itself, fetched with the execution role's rights."""

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
    Workshop,
    open_workshop,
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
    """The files as an archive in the bucket; returns its address."""
    return put_bytes(server, tarball(files))


def put_bytes(server: Server, archive: bytes) -> str:
    key = f"{unique('archive')}.tar.gz"
    server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive)
    return f"s3://{BUCKET}/{key}"


def test_the_script_can_come_from_a_source_archive(workshop: Workshop, server: Server) -> None:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": put(server, {"model.json": '{"factor": 5}'}),
        "Environment": {
            "SAGEMAKER_SUBMIT_DIRECTORY": put(server, {"serve.py": INFERENCE}),
            "SAGEMAKER_PROGRAM": "serve.py",
            "GREETING": "hello",
        },
    }
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)))
    assert workshop.ask(endpoint, 3) == {"answer": 15, "greeting": "hello"}


def test_network_isolation_keeps_the_source_archive_out_of_reach(workshop: Workshop, server: Server) -> None:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": workshop.data(),
        "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": put(server, {"inference.py": INFERENCE})},
    }
    model = workshop.model(PrimaryContainer=container, EnableNetworkIsolation=True)
    endpoint = workshop.endpoint(workshop.config(model), status="Failed")
    assert "ping health check" in workshop.rest(endpoint)["FailureReason"]


def test_a_model_can_be_a_tree_of_plain_files(workshop: Workshop, server: Server) -> None:
    prefix, storage = unique("tree"), server.client("s3")
    storage.put_object(Bucket=BUCKET, Key=f"{prefix}/model.json", Body=b'{"factor": 6}')
    storage.put_object(Bucket=BUCKET, Key=f"{prefix}/code/inference.py", Body=INFERENCE.encode())
    source = {"S3Uri": f"s3://{BUCKET}/{prefix}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)))
    assert workshop.ask(endpoint, 2)["answer"] == 12


def test_an_etag_pins_the_model_data(workshop: Workshop, server: Server) -> None:
    address = workshop.data()
    key = address.removeprefix(f"s3://{BUCKET}/")
    etag = server.client("s3").head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
    source = {"S3Uri": address, "S3DataType": "S3Object", "CompressionType": "Gzip"}

    def container(pinned: str) -> dict[str, object]:
        return {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source | {"ETag": pinned}}}

    with refused("ValidationException", "The ETag of the model data"):
        workshop.model(PrimaryContainer=container("0" * 32))
    assert workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container(etag))))


def test_further_model_data_lies_beside_the_model(workshop: Workshop, server: Server) -> None:
    script = INFERENCE.replace('model_dir) / "model.json"', 'model_dir) / "../additional-model-data-sources/more/x"')
    extra = unique("extra")
    server.client("s3").put_object(Bucket=BUCKET, Key=f"{extra}/x", Body=b'{"factor": 9}')
    more = {"S3Uri": f"s3://{BUCKET}/{extra}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {
        "Image": IMAGE,
        "ModelDataUrl": workshop.data(script=script),
        "AdditionalModelDataSources": [{"ChannelName": "more", "S3DataSource": more}],
    }
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)))
    assert workshop.ask(endpoint, 1)["answer"] == 9


def test_a_pipeline_hands_each_answer_to_the_next_container(workshop: Workshop, server: Server) -> None:
    double = {"Image": IMAGE, "ModelDataUrl": put(server, {"code/inference.py": DOUBLING})}
    model = unique("model")
    workshop.sagemaker.create_model(
        ModelName=model, Containers=[double, double, double], ExecutionRoleArn=workshop.execution_role
    )
    assert workshop.ask(workshop.endpoint(workshop.config(model)), 1) == 8


def test_model_data_that_is_gone_fails_the_endpoint_with_its_address(workshop: Workshop, server: Server) -> None:
    address = workshop.data()
    model = workshop.model(PrimaryContainer={"Image": IMAGE, "ModelDataUrl": address})
    server.client("s3").delete_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
    endpoint = workshop.endpoint(workshop.config(model), status="Failed")
    reason = workshop.rest(endpoint)["FailureReason"]
    assert reason.startswith(f'Failed to download model data for container "primary" from URL: "{address}"')


def test_a_source_archive_that_the_role_may_not_read_fails_the_endpoint(workshop: Workshop, server: Server) -> None:
    elsewhere = unique("elsewhere")
    server.client("s3").create_bucket(Bucket=elsewhere)
    server.client("s3").put_object(Bucket=elsewhere, Key="s.tar.gz", Body=tarball({"inference.py": INFERENCE}))
    address = f"s3://{elsewhere}/s.tar.gz"
    container = {
        "Image": IMAGE,
        "ModelDataUrl": workshop.data(),
        "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": address},
    }
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)), status="Failed")
    assert address in workshop.rest(endpoint)["FailureReason"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.REGTYPE])
def test_an_archive_that_reaches_outside_is_not_unpacked(workshop: Workshop, server: Server, kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("../outside" if kind == tarfile.REGTYPE else "link")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    container = {"Image": IMAGE, "ModelDataUrl": put_bytes(server, buffer.getvalue())}
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)), status="Failed")
    assert "Failed to extract model data archive" in workshop.rest(endpoint)["FailureReason"]


def test_a_models_own_failure_is_a_model_error(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    with pytest.raises(workshop.runtime.exceptions.ModelError) as caught:
        workshop.ask(endpoint, "fail")
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == 500
    assert answer["OriginalMessage"] == "the model cannot do this"
    assert f"log-group:/aws/sagemaker/Endpoints/{endpoint}" in answer["LogStreamArn"]


def test_the_answer_names_its_variant_and_carries_attributes(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    answer = workshop.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=b"1", CustomAttributes="trace=1"
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "trace=1"


def test_csv_goes_in_and_out(workshop: Workshop, server: Server) -> None:
    adding = "def model_fn(d):\n    return lambda rows: [sum(row) for row in rows]\n"
    container = {"Image": IMAGE, "ModelDataUrl": put(server, {"code/inference.py": adding})}
    endpoint = workshop.endpoint(workshop.config(workshop.model(PrimaryContainer=container)))
    answer = workshop.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=b"1,2\n3,4\n"
    )
    assert (answer["ContentType"], answer["Body"].read()) == ("text/csv", b"3.0\n7.0")


def test_variants_share_the_requests_by_weight(workshop: Workshop) -> None:
    variants = [
        {"VariantName": name, "ModelName": workshop.model(factor=factor), "InitialVariantWeight": weight}
        | {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        for name, factor, weight in (("Old", 1, 0.0), ("New", 2, 1.0))
    ]
    config = unique("config")
    workshop.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    endpoint = workshop.endpoint(config)
    assert {workshop.ask(endpoint, 1)["answer"] for _ in range(10)} == {2}
    assert workshop.ask(endpoint, 1, TargetVariant="Old")["answer"] == 1
    with refused("ValidationError", "Variant Other not found"):
        workshop.ask(endpoint, 1, TargetVariant="Other")


def test_a_containers_output_is_logged(workshop: Workshop, server: Server) -> None:
    script = INFERENCE + "\nprint('here I am')\n"
    endpoint = workshop.endpoint(workshop.config(workshop.model(script=script)))
    logs = server.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
    assert "here I am" in [event["message"] for event in events]
    (file,) = server.logs.rglob(f"{endpoint}-AllTraffic-*.log")
    assert "here I am" in file.read_text()


def test_a_container_knows_its_role_and_nothing_of_the_server(workshop: Workshop) -> None:
    script = """
import os, boto3
def model_fn(model_dir):
    return {"role": boto3.client("sts").get_caller_identity()["Arn"], "names": sorted(os.environ)}
def predict_fn(data, model):
    return model
"""
    seen = workshop.ask(workshop.endpoint(workshop.config(workshop.model(script=script))))
    role = workshop.execution_role.rsplit("/", 1)[-1]
    assert seen["role"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/SageMaker"
    assert not {"GATEWAY_PORT", "AUTH", "MINISTACK_SSL_KEY"} & set(seen["names"])


def test_hosting_ends_with_the_server(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        script = INFERENCE.replace('"answer":', '"pid": os.getpid(), "answer":')
        workshop = open_workshop(server)
        pid = workshop.ask(workshop.endpoint(workshop.config(workshop.model(script=script))))["pid"]
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
