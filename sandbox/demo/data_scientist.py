"""What a data scientist does in dev: train the text classifier, upload it, register it, approve it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.aws.control import Sandbox
from sandbox.aws.layout import PROJECT
from sandbox.aws.sagemaker.models.prebuilt_images import SCIKIT_LEARN

SOURCE = PROJECT / "sandbox" / "demo" / "text_classifier"
GROUP = "text-classifier"
ROLE = "SageMakerTraining"


def image(region: str) -> str:
    """AWS's scikit-learn image; the sandbox runs the script-mode contract in a process instead of pulling it."""
    return f"{SCIKIT_LEARN[region]}.dkr.ecr.{region}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@dataclass(frozen=True)
class Trained:
    """A training job's output: both archives, and what the cross-validation said."""

    model: bytes
    source: bytes
    accuracy: float
    reviews: int


@dataclass(frozen=True)
class Uploaded:
    """Where both archives lie in dev's bucket."""

    region: str
    model_uri: str
    source_uri: str

    @property
    def container(self) -> dict[str, Any]:
        """The container definition that SageMaker's SDK writes in script mode."""
        return {
            "Image": image(self.region),
            "ModelDataUrl": self.model_uri,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": self.source_uri,
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_REGION": self.region,
            },
        }


def bucket(sandbox: Sandbox) -> str:
    """The bucket that SageMaker's SDK makes in every account; it was there before Promote came."""
    dev = sandbox.locations["dev"]
    return f"sagemaker-{dev.region}-{dev.account}"


def prepare_account(sandbox: Sandbox, environment: str, buckets: Sequence[str]) -> None:
    """Make what an account with SageMaker has before Promote comes: buckets, and a role to train with."""
    region = sandbox.locations[environment].region
    # API: CreateBucket, a bucket without a constraint is in us-east-1, which is no value of it.
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for name in buckets:
        sandbox.client("s3", environment).create_bucket(Bucket=name, **location)
    iam = sandbox.client("iam", environment)
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=_policy("sts:AssumeRole", trusts="sagemaker.amazonaws.com"))
    on = [f"arn:aws:s3:::{name}{below}" for name in buckets for below in ("", "/*")]
    iam.put_role_policy(RoleName=ROLE, PolicyName="data", PolicyDocument=_policy("s3:*", on=on))
    # Serving: what AmazonSageMakerFullAccess has for images and VPCs.
    iam.put_role_policy(RoleName=ROLE, PolicyName="hosting", PolicyDocument=_policy("ecr:*", "ec2:*", on=["*"]))


def train(*, swapped: bool = False) -> Trained:
    """Run train.py as a training job in script mode does. Takes about two seconds. `swapped`: with labels mixed up."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(SOURCE / "train.py"), "--train", str(SOURCE), "--model-dir", folder]
        subprocess.run([*command, *["--swap-labels"] * swapped], check=True)  # noqa: S603 - our own script
        metrics = json.loads((Path(folder) / "metrics.json").read_text())
        return Trained(
            model=tar({"model.joblib": Path(folder) / "model.joblib"}),
            source=tar({name: SOURCE / name for name in ("inference.py", "train.py")}),
            accuracy=metrics["accuracy"],
            reviews=metrics["reviews"],
        )


def upload(sandbox: Sandbox, trained: Trained) -> Uploaded:
    """Put both archives where a training job puts them."""
    s3, job = sandbox.client("s3", "dev"), f"text-classifier-{uuid4().hex[:8]}"
    keys = {f"{job}/output/model.tar.gz": trained.model, f"{job}/source/sourcedir.tar.gz": trained.source}
    for key, content in keys.items():
        s3.put_object(Bucket=bucket(sandbox), Key=key, Body=content)
    model_uri, source_uri = (f"s3://{bucket(sandbox)}/{key}" for key in keys)
    return Uploaded(sandbox.locations["dev"].region, model_uri, source_uri)


def register(
    sandbox: Sandbox, containers: Sequence[Mapping[str, Any]], *, approval: str = "PendingManualApproval"
) -> str:
    """Register a version of these containers and return its ARN."""
    sagemaker = sandbox.client("sagemaker", "dev")
    groups = sagemaker.list_model_package_groups(NameContains=GROUP)["ModelPackageGroupSummaryList"]
    if GROUP not in [group["ModelPackageGroupName"] for group in groups]:
        sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": list(containers),
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    arn: str = answer["ModelPackageArn"]
    return arn


def create_model(sandbox: Sandbox, name: str, uploaded: Uploaded) -> str:
    """Create a model in dev, to be promoted by its name, and return its ARN."""
    answer = sandbox.client("sagemaker", "dev").create_model(
        ModelName=name,
        PrimaryContainer=uploaded.container,
        ExecutionRoleArn=f"arn:aws:iam::{sandbox.accounts['dev']}:role/{ROLE}",
        Tags=[{"Key": "team", "Value": "reviews"}],
    )
    arn: str = answer["ModelArn"]
    return arn


def approve(sandbox: Sandbox, model_package_arn: str) -> None:
    """Approve a version: the event starts its promotion to the first stage."""
    sandbox.client("sagemaker", "dev").update_model_package(
        ModelPackageArn=model_package_arn, ModelApprovalStatus="Approved"
    )


def tar(files: Mapping[str, Path]) -> bytes:
    """Return the files as a gzipped archive, each under its name there."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, file in files.items():
            archive.add(file, name)
    return content.getvalue()


def _policy(*actions: str, on: list[str] | None = None, trusts: str | None = None) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions)}
    if on:
        statement["Resource"] = on
    if trusts:
        statement["Principal"] = {"Service": trusts}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
