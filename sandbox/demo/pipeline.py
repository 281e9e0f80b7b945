"""The demo's second version: a pipeline of two containers, the first with its model in hundreds of files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.aws.control import Sandbox
from sandbox.aws.layout import PROJECT
from sandbox.demo import data_scientist

SOURCE = PROJECT / "sandbox" / "demo" / "text_pipeline"
_CONCURRENCY = 16


@dataclass(frozen=True)
class TrainedPipeline:
    """What train.py wrote, by its key below the job's prefix."""

    objects: dict[str, bytes]


@dataclass(frozen=True)
class Pipeline:
    """Both containers, with their models in dev's bucket: a prefix, and an archive."""

    containers: list[dict[str, Any]]
    prefix: str
    files: int


def train() -> TrainedPipeline:
    """Run train.py: the vocabulary is kept as it is, the classifier as an archive."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(SOURCE / "train.py"), "--train", str(data_scientist.SOURCE), "--model-dir", folder],
            check=True,
        )
        features, classifier = Path(folder) / "features", Path(folder) / "classifier" / "model.joblib"
        objects = {f"features/{file.relative_to(features)}": file.read_bytes() for file in features.rglob("*.json")}
        objects["features/code/inference.py"] = (SOURCE / "featurise.py").read_bytes()
        objects["classifier/model.tar.gz"] = data_scientist.tar(
            {"model.joblib": classifier, "code/inference.py": SOURCE / "classify.py"}
        )
    return TrainedPipeline(objects)


def upload(sandbox: Sandbox, trained: TrainedPipeline) -> Pipeline:
    """Put everything into dev's bucket."""
    bucket, job = data_scientist.bucket(sandbox), f"text-pipeline-{uuid4().hex[:8]}"
    s3, objects = sandbox.client("s3", "dev"), trained.objects
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=f"{job}/{key}", Body=objects[key]), objects))
    prefix = f"s3://{bucket}/{job}/features/"
    return Pipeline(_containers(sandbox, prefix, f"s3://{bucket}/{job}/classifier/model.tar.gz"), prefix, len(objects))


def _containers(sandbox: Sandbox, features: str, classifier: str) -> list[dict[str, Any]]:
    region = sandbox.locations["dev"].region
    script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_REGION": region}
    source = {"S3Uri": features, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return [
        {
            "ContainerHostname": "featuriser",
            "Image": data_scientist.image(region),
            "ModelDataSource": {"S3DataSource": source},
            "Environment": script,
        },
        {
            "ContainerHostname": "classifier",
            "Image": data_scientist.image(region),
            "ModelDataUrl": classifier,
            "Environment": script,
        },
    ]
