"""Three accounts with their services: the hub, the source with an approved model, and the target with an endpoint."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.copy.simulation.virtual_time import EPOCH, VirtualTime
from benchmarks.promotion.interpreter.platform import Tokens
from benchmarks.promotion.published import Times
from benchmarks.promotion.services.others import ANSWERS
from benchmarks.promotion.services.simulated_buckets import SimulatedBuckets
from benchmarks.promotion.services.simulated_dynamodb import SimulatedDynamoDB
from benchmarks.promotion.services.simulated_sagemaker import SimulatedSageMaker
from benchmarks.promotion.services.wire import Call

# As in promotion.yaml.
HUB, SOURCE, TARGET = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
APPLICATION, STAGE, ENDPOINT = "text-classifier", "qa", "text-classifier-qa"
SOURCE_BUCKET = f"sagemaker-{REGION}-{SOURCE}"
MODEL_KEY = "text-classifier/7/model.tar.gz"
MODEL_BYTES = 10 * 10**6
PACKAGE = f"arn:aws:sagemaker:{REGION}:{SOURCE}:model-package/text-classifier/7"
IMAGE = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
_WEEK = 7 * 24 * 3600


@dataclass
class World:
    """One run's services.

    `tables`: the hub's, with the names of their keys. `calls`: how often each operation was called.
    """

    clock: VirtualTime
    times: Times
    endpoint_seconds: float
    tables: dict[str, tuple[str, ...]]
    calls: Counter[str] = field(default_factory=Counter)
    tokens: Tokens = field(default_factory=Tokens)
    noticed_at: float | None = None  # when an answer first said that the changed endpoint is in service

    def __post_init__(self) -> None:
        self.s3 = SimulatedBuckets(self.clock, self.times.speeds)
        self.s3.put(SOURCE_BUCKET, MODEL_KEY, MODEL_BYTES)
        self.dynamodb = SimulatedDynamoDB(self.tables)
        self.sagemaker = SimulatedSageMaker(self.clock, self.endpoint_seconds)
        self.sagemaker.packages[PACKAGE] = _approved_version()

    def answer(self, call: Call) -> Any:
        """Serve a call to a service other than S3, with what it takes; raises ServiceError."""
        self.calls[f"{call.service}:{call.operation}"] += 1
        seconds = {"dynamodb": self.times.dynamodb_call, "sagemaker-runtime": self.times.inference}.get(
            call.service, self.times.call
        )
        self.clock.sleep(seconds / 2)
        try:
            return self._fields(call)
        finally:
            self.clock.sleep(seconds / 2)
            self._notice(call)

    def _fields(self, call: Call) -> Any:
        if call.service == "sagemaker":
            return self.sagemaker.respond(call)
        if call.service == "dynamodb":
            return self.dynamodb.respond(call)
        if call.service == "stepfunctions" and call.operation in {"SendTaskSuccess", "SendTaskFailure"}:
            return self.tokens.answered(call.operation, call.parameters)
        answer = ANSWERS.get((call.service, call.operation))
        if answer is None:
            raise NotImplementedError(f"{call.service} has no {call.operation} in the simulation. Add it to others.py.")
        return answer(call)

    def _notice(self, call: Call) -> None:
        endpoint = self.sagemaker.endpoints.get((TARGET, ENDPOINT))
        asks = call.operation in {"DescribeEndpoint", "ListEndpoints"} and call.account == TARGET
        if asks and endpoint and self.noticed_at is None and endpoint.ready_at <= self.clock.now:
            self.noticed_at = self.clock.now


def _approved_version() -> dict[str, Any]:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{SOURCE_BUCKET}/{MODEL_KEY}",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    return {
        "ModelPackageArn": PACKAGE,
        "ModelPackageName": APPLICATION,
        "ModelPackageGroupName": APPLICATION,
        "ModelPackageVersion": 7,
        "CreationTime": EPOCH - _WEEK,
        "ModelApprovalStatus": "Approved",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }
