"""What the tests make in a server: roles, models and endpoints. A tiny model is really served."""

import contextlib
import io
import json
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.server import ACCOUNT, REGION, Server

IMAGE = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"

# What every execution role needs to pull its image.
PULLING = {
    "Effect": "Allow",
    "Action": [
        "ecr:GetAuthorizationToken",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchCheckLayerAvailability",
    ],
    "Resource": "*",
}

INFERENCE = """
import json, os, pathlib

def model_fn(model_dir):
    return json.loads((pathlib.Path(model_dir) / "model.json").read_text())

def predict_fn(data, model):
    if data == "fail":
        raise RuntimeError("the model cannot do this")
    return {"answer": model["factor"] * data, "greeting": os.environ.get("GREETING")}
"""

# It takes a moment to load: a test sees that its endpoint is not in service yet.
SLOW = INFERENCE.replace("import json", "import json, time").replace(
    "def model_fn(model_dir):\n", "def model_fn(model_dir):\n    time.sleep(2)\n"
)

BROKEN = """
def model_fn(model_dir):
    raise RuntimeError("no model")
"""


def described(container: dict[str, Any]) -> dict[str, Any]:
    """A container as DescribeModel returns it: with what SageMaker fills in."""
    filled = {"Environment": {}, "Mode": "SingleModel", **container}
    if "ModelDataUrl" in container and filled["Mode"] == "SingleModel":
        source = {"S3Uri": container["ModelDataUrl"], "S3DataType": "S3Object", "CompressionType": "Gzip"}
        filled["ModelDataSource"] = {"S3DataSource": source}
    return filled


@dataclass(frozen=True)
class SageMakerBuilder:
    """Makes roles, models and endpoints with names of their own."""

    server: Server
    execution_role: str

    @property
    def sagemaker(self) -> Any:
        return self.server.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.server.client("sagemaker-runtime")

    def role(self, trusted: dict[str, Any], *statements: dict[str, Any]) -> str:
        """A role with those permissions; returns its name."""
        iam, name = self.server.client("iam"), unique("role")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"} | trusted]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=json.dumps(policy))
        return name

    def caller(self, *statements: dict[str, Any]) -> Any:
        """A SageMaker client whose role has those permissions and no others."""
        name = self.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, *statements)
        return self.server.client("sagemaker", credentials=self.server.role_credentials(name))

    def data(self, *, factor: int = 2, script: str = INFERENCE) -> str:
        """A model.tar.gz in the bucket; returns its S3 URI."""
        key = f"{unique('data')}/model.tar.gz"
        archive = tarball({"model.json": json.dumps({"factor": factor}), "code/inference.py": script})
        self.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive)
        return f"s3://{BUCKET}/{key}"

    def archive(self, files: dict[str, str]) -> str:
        """The files as a tarball in the bucket; returns its S3 URI."""
        return self.stored(f"{unique('archive')}.tar.gz", tarball(files))

    def stored(self, key: str, content: bytes = b"") -> str:
        """An object in the bucket; returns its S3 URI."""
        self.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def tree(self, files: dict[str, str]) -> str:
        """The files as objects below a prefix of their own; returns the S3 URI of the prefix."""
        prefix = unique("tree")
        for name, text in files.items():
            self.stored(f"{prefix}/{name}", text.encode())
        return f"s3://{BUCKET}/{prefix}/"

    def execution(self, *statements: dict[str, Any]) -> str:
        """The ARN of an execution role with those permissions and no others."""
        name = self.role({"Principal": {"Service": "sagemaker.amazonaws.com"}}, *statements)
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def created(self, **request: Any) -> str:
        """A model that is just what the request says, and runs as the usual role; returns its name."""
        name = unique("model")
        self.sagemaker.create_model(ModelName=name, **{"ExecutionRoleArn": self.execution_role, **request})
        return name

    def endpoint_of(self, *containers: dict[str, Any], status: str = "InService", **changes: Any) -> str:
        """An endpoint that serves a model of those containers."""
        form = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": list(containers)}
        return self.endpoint(self.config(self.created(**form, **changes)), status=status)

    def failure_of(self, *containers: dict[str, Any], **changes: Any) -> str:
        """The FailureReason of an endpoint that cannot serve a model of those containers."""
        reason: str = self.rest(self.endpoint_of(*containers, status="Failed", **changes))["FailureReason"]
        return reason

    def model(self, *, factor: int = 2, script: str = INFERENCE, **changes: Any) -> str:
        name = unique("model")
        container = {"Image": IMAGE, "ModelDataUrl": self.data(factor=factor, script=script)}
        request = {"PrimaryContainer": container, "ExecutionRoleArn": self.execution_role} | changes
        self.sagemaker.create_model(ModelName=name, **request)
        return name

    def config(self, model: str | None = None, **changes: Any) -> str:
        name = unique("config")
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model or self.model(),
            "InstanceType": "ml.t2.medium",
            "InitialInstanceCount": 1,
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant | changes])
        return name

    def endpoint(self, config: str | None = None, *, status: str = "InService") -> str:
        """An endpoint that has come to rest."""
        name = unique("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config or self.config())
        assert self.rest(name)["EndpointStatus"] == status
        return name

    def update(self, endpoint: str, config: str, **arguments: Any) -> dict[str, Any]:
        """Update and wait; returns what DescribeEndpoint then says."""
        self.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, **arguments)
        return self.rest(endpoint)

    def rest(self, endpoint: str) -> dict[str, Any]:
        """What DescribeEndpoint says once nothing is in progress."""
        return self.describe_until(
            endpoint,
            lambda description: description["EndpointStatus"] in {"InService", "Failed", "UpdateRollbackFailed"},
        )

    def describe_until(self, endpoint: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        client = self.sagemaker
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            description: dict[str, Any] = client.describe_endpoint(EndpointName=endpoint)
            if wanted(description):
                return description
            time.sleep(0.02)
        raise AssertionError(f"{endpoint} is still {description['EndpointStatus']}")

    def invoke(self, endpoint: str, data: Any = 21, **arguments: Any) -> Any:
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=json.dumps(data), **arguments
        )
        return json.loads(answer["Body"].read())


def unique(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


def tarball(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            field = tarfile.TarInfo(name)
            field.size = len(text.encode())
            archive.addfile(field, io.BytesIO(text.encode()))
    return buffer.getvalue()


def new_builder(server: Server) -> SageMakerBuilder:
    """The bucket and the execution role that the models need."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    name = SageMakerBuilder(server, execution_role="").role(
        {"Principal": {"Service": "sagemaker.amazonaws.com"}},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": f"arn:aws:s3:::{BUCKET}"},
        PULLING,
    )
    return SageMakerBuilder(server, execution_role=f"arn:aws:iam::{ACCOUNT}:role/{name}")


@contextlib.contextmanager
def refused(code: str, text: str) -> Iterator[None]:
    """The call must fail with that code and a message that has that text."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]
