"""The promotion: a version is approved, its promotion starts by itself, ends as Promoted, and the endpoint answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from conformance.checks import Check
from conformance.outcomes import CannotRun, Outcome
from conformance.promotion import stacks
from conformance.resources import archive
from conformance.results import PROJECT
from conformance.world import World
from lambdas.promotion.contract import resource_names

FOLDER = PROJECT / ".build" / "conformance"
# ml.t2.medium costs USD 0.06 to 0.08 an hour, for which it runs at most; three keys and the dashboard are prorated.
_DOLLARS = 0.35
_STARTS_SECONDS, _ENDS_SECONDS = 180.0, 2_700.0
_POLL_SECONDS = 2.0
LABEL = "ready"
_SCRIPT = """
import json, os

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.json")) as file:
        return json.load(file)

def input_fn(body, content_type):
    return body

def predict_fn(body, model):
    return {"label": model["label"]}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


def checks() -> list[Check]:
    """Return the promotion as one check: its parts depend on each other."""
    return [
        Check(
            id="promotion:approved-version-to-endpoint",
            proves="An approved version is promoted by the real stacks, its endpoint answers, and again is Unchanged.",
            asks=["cdk deploy", "UpdateModelPackage", "the promotion", "InvokeEndpoint", "the promotion again"],
            needs=["bucket", "image"],
            creates=[
                "an endpoint on one ml.t2.medium, and Promote's hub and two environments (stacks promote-hub, "
                "promote-dev, promote-qa) with three KMS keys, alarms and a dashboard",
                "a model package group with a version",
            ],
            dollars=_DOLLARS,
            run=_run,
        )
    ]


def _run(world: World) -> Outcome:
    account, application = world.account, world.prefix
    bucket = world.need("bucket")["bucket"]
    document = stacks.configuration(account.number, account.region, application=application, bucket=bucket, label=LABEL)
    stacks.deploy(account.profile, account.region, world.run, document, FOLDER / world.run)
    package = _register(world, bucket)
    world.client("sagemaker").update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    answered = {"after the approval": _outcome(world, _started(world))}
    answered["the endpoint"] = _invoke(world)
    request = {"application": application, "stage": stacks.TARGET, "model_package_arn": package}
    again = world.account.unguarded("stepfunctions").start_execution(
        stateMachineArn=_machine(world), input=json.dumps(request)
    )
    answered["again"] = _outcome(world, again["executionArn"])
    expected = {"after the approval": "Promoted", "the endpoint": LABEL, "again": "Unchanged"}
    differences = [
        f"{name}: {expected[name]} expected, {answer} answered"
        for name, answer in answered.items()
        if answer != expected[name]
    ]
    return Outcome(expected=expected, answered=answered, differences=differences)


def _register(world: World, bucket: str) -> str:
    """Upload a model that answers one label, and register it as a version that waits for its approval."""
    s3, sagemaker = world.client("s3"), world.client("sagemaker")
    s3.put_object(Bucket=bucket, Key="job/model.tar.gz", Body=archive({"model.json": json.dumps({"label": LABEL})}))
    s3.put_object(Bucket=bucket, Key="job/sourcedir.tar.gz", Body=archive({"inference.py": _SCRIPT}))
    container = {
        "Image": world.need("image")["image"],
        "ModelDataUrl": f"s3://{bucket}/job/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{bucket}/job/sourcedir.tar.gz",
            "SAGEMAKER_REGION": world.account.region,
        },
    }
    sagemaker.create_model_package_group(ModelPackageGroupName=world.prefix)
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=world.prefix,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    arn: str = answer["ModelPackageArn"]
    return arn


def _machine(world: World) -> str:
    arn = resource_names.state_machine_arn(world.account.number, world.account.region)
    return arn.replace("arn:aws:", f"arn:{world.account.partition}:")


def _started(world: World) -> str:
    """Return the execution that the approval started. Raises CannotRun."""
    stepfunctions = world.account.unguarded("stepfunctions")

    def executions() -> Any:
        return stepfunctions.list_executions(stateMachineArn=_machine(world))["executions"]

    started = _until(executions, bool, _STARTS_SECONDS)
    if not started:
        raise CannotRun(f"the approval started no promotion within {_STARTS_SECONDS:g} s")
    arn: str = started[0]["executionArn"]
    return arn


def _outcome(world: World, execution: str) -> str:
    """Return how an execution ended: its outcome, or its error and cause."""
    stepfunctions = world.account.unguarded("stepfunctions")

    def description() -> Any:
        return stepfunctions.describe_execution(executionArn=execution)

    ended = _until(description, lambda answer: answer["status"] != "RUNNING", _ENDS_SECONDS)
    if ended["status"] == "SUCCEEDED":
        return str(json.loads(ended["output"]).get("outcome"))
    return f"{ended['status']} {ended.get('error', '')}: {ended.get('cause', '')}"


def _invoke(world: World) -> str:
    answer = world.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=f"{world.prefix}-{stacks.TARGET}", ContentType="text/csv", Body=b"x"
    )
    prediction: Mapping[str, str] = json.loads(answer["Body"].read())
    return prediction["label"]


def _until(read: Callable[[], Any], done: Callable[[Any], bool], seconds: float) -> Any:
    """Return what is read once it is done, or what it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done(answer := read()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return answer
