"""What the workflow's tests say: a model is made in dev, a promotion is started, its outcome is read."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Artifact, Promotion, Transfer
from lambdas.promotion.contract.resource_names import function
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Step
from sandbox.aws.control import Sandbox
from sandbox.aws.controls.client import ExecutionClient, StateClient
from sandbox.aws.faults.client import FaultClient
from sandbox.aws.faults.faults import Layer
from sandbox.aws.layout import PROJECT
from sandbox.demo import data_scientist
from sandbox.demo.deployment import state_machine_arn
from stacks.hub import bundle

# What a bundle has that is no library.
OWN = "lambdas"
# The steps that decide whether an object is copied by parts, and the smallest parts that S3 takes: an object of 24 MiB
# has as many parts as one of 260 MiB has in a deployment, and does not take a sandbox's time and memory.
PLANNERS = (Step.COMPARE_ENDPOINT, Step.PREFLIGHT, Step.PLAN_COPY)
SMALL_PARTS = {
    "_SMALLEST_PART = 8 * _MIB": "_SMALLEST_PART = 5 * _MIB",
    "_BY_PARTS_ABOVE = 256 *": "_BY_PARTS_ABOVE = 20 *",
    # So the parts are one work unit, and what else a model has another one; two small objects are a unit without a Map.
    "_LONGEST_OF_ONE_UNIT = 10.0": "_LONGEST_OF_ONE_UNIT = 0.0",
    "_NOT_WORTH_A_MAP = 4.0": "_NOT_WORTH_A_MAP = 0.0095",
    "AT_ONCE = 7": "AT_ONCE = 2",
    # So a thousand copies are verified by a Map.
    "MOST_VERIFIED_BY_ONE_STEP = 2000": "MOST_VERIFIED_BY_ONE_STEP = 1000",
}
NOTHING: Mapping[str, str] = MappingProxyType({})
GROUP = data_scientist.GROUP
IMAGE = data_scientist.image("us-east-1")
APPLICATION = "text-classifier"
ENDPOINTS = {"qa": "text-classifier-qa", "production": "text-classifier"}
# A model that needs no library: it answers with its own name and what it was asked.
INFERENCE = b"""
import json, os, pathlib
def model_fn(model_dir):
    return json.loads((pathlib.Path(model_dir) / "weights.json").read_text())
def input_fn(body, content_type):
    return body.decode() if isinstance(body, bytes) else body
def predict_fn(data, model):
    return {"model": model["name"], "asked": data, "mood": os.environ.get("MOOD")}
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution ended. `output` is the result of a good outcome."""

    arn: str
    status: str
    error: str | None
    cause: str
    output: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.output["target_model"].rpartition("/")[2])

    @property
    def config(self) -> str:
        return str(self.output["endpoint_config"].rpartition("/")[2])


def require_failed(ended: ExecutionResult, error: str, *expected: str) -> None:
    """The execution failed with this error, and its cause says this to a person."""
    assert (ended.status, ended.error) == ("FAILED", error), f"{ended.status} {ended.error}: {ended.cause}"
    for words in expected:
        assert words in ended.cause, ended.cause


@dataclass(frozen=True)
class CreatedModel:
    """A model in dev, and the addresses of its two archives."""

    name: str
    model_uri: str
    source_uri: str


class World:
    """The deployed accounts, and what people do in them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        server = sandbox.endpoint_url, str(sandbox.ca_bundle)
        self.sagemaker_faults = FaultClient(*server, Layer.SAGEMAKER)
        self.s3_faults = FaultClient(*server, Layer.S3)
        self.step_faults = FaultClient(*server, Layer.STEP)
        self.state = StateClient(*server)
        self._progress = ExecutionClient(*server)
        # Versions of functions that a running promotion may still need.
        self._replaced: set[tuple[str, str]] = set()

    def client(self, service: str, environment: str = "hub") -> Any:
        # Making a client takes longer than most calls: it serves every world of the sandbox.
        return _client(self.sandbox, service, environment)

    # What a data scientist does in dev

    def upload(self, name: str, content: bytes) -> str:
        """Put an object into dev's bucket under a key of its own and return its address."""
        bucket, key = data_scientist.bucket(self.sandbox), f"{uuid4().hex[:8]}/{name}"
        self.client("s3", "dev").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    def upload_tree(self, files: Mapping[str, bytes]) -> str:
        """Put objects below a prefix of their own in dev's bucket and return its address."""
        bucket, prefix = data_scientist.bucket(self.sandbox), f"{uuid4().hex[:8]}/"
        s3 = self.client("s3", "dev")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=prefix + key, Body=files[key]), files))
        return f"s3://{bucket}/{prefix}"

    def container(self, name: str = "small", **changes: Any) -> dict[str, Any]:
        """A script-mode container with archives of its own. `changes` replace members; None removes one."""
        container = {
            "Image": IMAGE,
            "ModelDataUrl": self.upload("model.tar.gz", tar({"weights.json": json.dumps({"name": name}).encode()})),
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": self.upload("sourcedir.tar.gz", tar({"inference.py": INFERENCE})),
                "MOOD": "sunny",
            },
            **changes,
        }
        return {field: value for field, value in container.items() if value is not None}

    def model(self, name: str | None = None, *, container: dict[str, Any] | None = None, **more: Any) -> CreatedModel:
        """Create a model in dev. `more` are other members of CreateModel."""
        name = name or f"small-{uuid4().hex[:8]}"
        container = container or self.container(name)
        parts = {"PrimaryContainer": container} if "Containers" not in more else {}
        self.client("sagemaker", "dev").create_model(
            ModelName=name,
            ExecutionRoleArn=f"arn:aws:iam::{self.sandbox.accounts['dev']}:role/{data_scientist.ROLE}",
            **parts,
            **more,
        )
        environment = container.get("Environment", {})
        return CreatedModel(name, container.get("ModelDataUrl", ""), environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))

    def version(self, *, group: str = GROUP, approval: str = "PendingManualApproval", **changes: Any) -> str:
        """Register a version in dev and return its ARN."""
        sagemaker = self.client("sagemaker", "dev")
        groups = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        if group not in [summary["ModelPackageGroupName"] for summary in groups]:
            sagemaker.create_model_package_group(ModelPackageGroupName=group)
        arn: str = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [self.container("registered", **changes)],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
        return arn

    # What starts and ends a promotion

    def start(self, name: str | None = None, **request: Any) -> str:
        """Start an execution; its input is `request`."""
        return self.start_with(request, name=name)

    def start_with(self, request: object, *, name: str | None = None) -> str:
        named = {"name": name} if name else {}
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn(self.sandbox), input=json.dumps(request), **named
        )
        arn: str = answer["executionArn"]
        return arn

    def wait(self, arn: str, *, seconds: float = 180) -> ExecutionResult:
        """Wait for an execution's end."""
        progress = self._progress.wait(arn, seconds=seconds)
        if progress.status == "RUNNING":
            raise AssertionError(f"{arn} did not end within {seconds} s; it was in {progress.states[-1:]}")
        execution = self.client("stepfunctions").describe_execution(executionArn=arn)
        output = json.loads(execution["output"]) if execution["status"] == "SUCCEEDED" else {}
        return ExecutionResult(arn, execution["status"], execution.get("error"), execution.get("cause", ""), output)

    def promote(self, made: CreatedModel, stage: str = "qa") -> ExecutionResult:
        """Promote a model by its name and wait for the end."""
        return self.wait(self.start(application=APPLICATION, stage=stage, model_name=made.name))

    def promote_successfully(self, made: CreatedModel, stage: str = "qa") -> ExecutionResult:
        """Promote a model; it must end well."""
        ended = self.promote(made, stage)
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
        return ended

    def wait_until_idle(self, *, seconds: float = 1.0) -> list[ExecutionResult]:
        """Wait until nothing new has started for a while and everything has ended."""
        before: list[str] = []
        while (current := self.executions()) != before:
            for arn in current:
                self.wait(arn)
            before = current
            time.sleep(seconds)
        return [self.wait(arn) for arn in before]

    def executions(self, **only: str) -> list[str]:
        """The ARNs of all executions so far, the newest first."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        executions = pages.paginate(stateMachineArn=state_machine_arn(self.sandbox), **only)
        return [execution["executionArn"] for page in executions for execution in page["executions"]]

    def wait_for_state(self, arn: str, name: str, *, seconds: float = 90) -> None:
        """Wait until an execution has entered a state."""
        entered = self._progress.wait(arn, state=name, seconds=seconds).states
        assert name in entered, f"{arn} did not come to {name} within {seconds} s, but to {entered}"

    def states(self, arn: str) -> list[str]:
        """The states that an execution entered, in order."""
        return list(self._progress.wait(arn, seconds=0).states)

    # What is there

    def endpoint(self, environment: str) -> dict[str, Any]:
        endpoint: dict[str, Any] = self.client("sagemaker", environment).describe_endpoint(
            EndpointName=ENDPOINTS[environment]
        )
        return endpoint

    def invoke(self, environment: str, text: str = "hello") -> dict[str, Any]:
        answer = self.client("sagemaker-runtime", environment).invoke_endpoint(
            EndpointName=ENDPOINTS[environment], ContentType="text/csv", Body=text.encode()
        )
        payload: dict[str, Any] = json.loads(answer["Body"].read())
        return payload

    def resources_in(self, environment: str) -> list[str]:
        """The names of every model, configuration and endpoint in an environment."""
        sagemaker = self.client("sagemaker", environment)
        lists = {
            "list_models": ("Models", "ModelName"),
            "list_endpoint_configs": ("EndpointConfigs", "EndpointConfigName"),
            "list_endpoints": ("Endpoints", "EndpointName"),
        }
        return [
            resource[name]
            for operation, (fields, name) in lists.items()
            for page in sagemaker.get_paginator(operation).paginate()
            for resource in page[fields]
        ]

    def artifacts_in(self, environment: str) -> list[str]:
        """The keys of what models are read from."""
        pair = self.sandbox.locations[environment]
        bucket = f"promote-{environment}-{pair.account}-{pair.region}"
        pages = (
            self.client("s3", environment)
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=f"{resource_names.ARTIFACT_PREFIX}/")
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def list_of(self, promotion: Promotion, name: str) -> list[Any]:
        """A list of a promotion in the hub's bucket, as it is written: one JSON document, or one a line."""
        text = (
            self.client("s3")
            .get_object(Bucket=promotion.hub.bucket, Key=f"{promotion.work_lists_prefix}{name}")["Body"]
            .read()
        )
        if name.endswith(".json"):
            entries: list[Any] = json.loads(text)
            return entries
        return [json.loads(line) for line in text.splitlines()]

    def head(self, promotion: Promotion, transfer: Transfer) -> dict[str, Any]:
        """A copy as the target's bucket shows it."""
        head: dict[str, Any] = self.client("s3", promotion.target.name).head_object(
            Bucket=promotion.target.artifact_bucket, Key=transfer.artifact.key, ChecksumMode="ENABLED"
        )
        return head

    def open_uploads(self, environment: str) -> list[str]:
        """The keys of the uploads that no one has completed or aborted."""
        return [upload["Key"] for upload in self._uploads_in(environment)]

    def abort_uploads(self, environment: str) -> None:
        for upload in self._uploads_in(environment):
            self.client("s3", environment).abort_multipart_upload(
                Bucket=self.artifact_bucket(environment), Key=upload["Key"], UploadId=upload["UploadId"]
            )

    def _uploads_in(self, environment: str) -> list[dict[str, str]]:
        answer = self.client("s3", environment).list_multipart_uploads(Bucket=self.artifact_bucket(environment))
        uploads: list[dict[str, str]] = answer.get("Uploads", [])
        return uploads

    def artifact_bucket(self, environment: str) -> str:
        pair = self.sandbox.locations[environment]
        return f"promote-{environment}-{pair.account}-{pair.region}"

    def wait_for_endpoint(self, environment: str, status: str = "InService") -> None:
        deadline = time.monotonic() + 20
        while self.endpoint(environment)["EndpointStatus"] != status:
            assert time.monotonic() < deadline, self.endpoint(environment)
            time.sleep(0.05)

    # What a platform engineer changes

    @contextmanager
    def configured(self, change: Callable[[dict[str, Any]], None], deployed: Settings) -> Iterator[None]:
        """Run with other settings, as after a deployment of the hub with a changed promotion.yaml."""
        document = json.loads(deployed.to_json())
        change(document)
        self.deploy_settings(Settings.from_json(json.dumps(document)))
        try:
            yield
        finally:
            self.deploy_settings(deployed)

    @contextmanager
    def time_limit(self, step: Step, *, seconds: int) -> Iterator[None]:
        """Run while Lambda kills the step after so long."""
        name = function(step)
        usual = self.client("lambda").get_function_configuration(FunctionName=name)["Timeout"]
        before = self._named_versions()[name]
        self.client("lambda").update_function_configuration(FunctionName=name, Timeout=seconds)
        self._name_versions({name: self.client("lambda").publish_version(FunctionName=name)["Version"]})
        try:
            yield
        finally:
            self.client("lambda").update_function_configuration(FunctionName=name, Timeout=usual)
            self._name_versions({name: before})

    def deploy_settings(self, settings: Settings) -> None:
        self._deploy((Step.RESOLVE_MODEL, Step.RESOLVE_ROLLBACK), _code(settings.to_json()))

    def deploy_small_parts(self, settings: Settings) -> None:
        """Let objects above 20 MiB be copied by parts, as small as S3 allows."""
        self._deploy(PLANNERS, _code(settings.to_json(), small_parts=True))

    def deploy_usual_parts(self, settings: Settings) -> None:
        """Let objects be copied by parts as they are in a deployment."""
        self._deploy(PLANNERS, _code(settings.to_json()))

    def _deploy(self, steps: Iterable[Step], code: bytes) -> None:
        versions = {}
        for name in map(function, steps):
            sha = self.client("lambda").update_function_code(FunctionName=name, ZipFile=code)["CodeSha256"]
            published = self.client("lambda").list_versions_by_function(FunctionName=name)["Versions"][1:]
            earlier = [version["Version"] for version in published if version["CodeSha256"] == sha]
            publish = self.client("lambda").publish_version
            versions[name] = earlier[0] if earlier else publish(FunctionName=name)["Version"]
        self._name_versions(versions)

    def _name_versions(self, versions: Mapping[str, str]) -> None:
        """Let what is started from now on run these versions of some functions."""
        self._replaced |= {item for item in self._named_versions().items() if item[0] in versions}
        definition = self._definition()
        for name, version in versions.items():
            definition = re.sub(rf":function:{name}:\d+", f":function:{name}:{version}", definition)
        self.client("stepfunctions").update_state_machine(
            stateMachineArn=state_machine_arn(self.sandbox), definition=definition
        )

    def _named_versions(self) -> dict[str, str]:
        return dict(re.findall(r":function:([^:\"]+):(\d+)", self._definition()))

    def _definition(self) -> str:
        machine = state_machine_arn(self.sandbox)
        text: str = self.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"]
        return text

    def _forget_versions(self) -> None:
        """Delete the versions that are named no more, which hold ten MB each in the server."""
        for name, version in self._replaced - self._named_versions().items() if self._replaced else ():
            self.client("lambda").delete_function(FunctionName=name, Qualifier=version)
        self._replaced.clear()

    def reset(self) -> None:
        """Stop what runs and drop what SageMaker has, in every account."""
        self.sagemaker_faults.clear()
        self.s3_faults.clear()
        self.step_faults.clear()
        for arn in self.executions(statusFilter="RUNNING"):
            self.client("stepfunctions").stop_execution(executionArn=arn)
        self._forget_versions()
        self.state.forget_sagemaker()
        self.delete_endpoints()

    def drop_leftovers(self) -> None:
        """Let the server drop what it keeps of what is over. Nobody may ask for an earlier history any more."""
        self.state.drop_leftovers()

    def delete_endpoints(self) -> None:
        """Drop what the hub knows of the endpoints: their locks, and what they may go back to."""
        dynamodb = self.client("dynamodb")
        for item in dynamodb.scan(TableName=resource_names.ENDPOINTS_TABLE)["Items"]:
            dynamodb.delete_item(TableName=resource_names.ENDPOINTS_TABLE, Key={"endpoint": item["endpoint"]})

    def lock_of(self, environment: str) -> dict[str, str]:
        """What the hub knows of an environment's endpoint."""
        pair = self.sandbox.locations[environment]
        key = resource_names.endpoint_key(pair.account, pair.region, ENDPOINTS[environment])
        answer = self.client("dynamodb").get_item(
            TableName=resource_names.ENDPOINTS_TABLE, Key={"endpoint": {"S": key}}
        )
        return {name: str(next(iter(value.values()))) for name, value in answer.get("Item", {}).items()}

    def records(self, stage: str = "qa") -> list[dict[str, Any]]:
        """The records of a stage's attempts, in their order."""
        return self.records_of(f"{APPLICATION}/{stage}")

    def records_of(self, stage: str) -> list[dict[str, Any]]:
        """The same of any application's stage."""
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=resource_names.RECORDS_TABLE,
                KeyConditionExpression="stage = :stage",
                ExpressionAttributeValues={":stage": {"S": stage}},
            )
        )
        deserialise = TypeDeserializer().deserialize
        return [{name: deserialise(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def record_of(self, arn: str, stage: str = "qa") -> dict[str, Any]:
        """The one record of an execution."""
        (only_record,) = [record for record in self.records(stage) if record["execution"] == arn]
        return only_record


def input_of(world: World, arn: str, state: str) -> Promotion:
    """The document with which an execution entered a state."""
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    for page in pages:
        for event in page["events"]:
            details = event.get("stateEnteredEventDetails", {})
            if details.get("name") == state:
                return Promotion.from_json(json.loads(details["input"]))
    raise AssertionError(f"{arn} never entered {state}")


def transfers_of(world: World, promotion: Promotion) -> list[Transfer]:
    """How each artifact of a promotion was planned to be copied, with the source as its work unit observed it."""
    s3 = world.client("s3")
    lists = (
        work_lists.read_if_exists(work_lists.of_unit(work_lists.OBSERVED, offset), Artifact, promotion, s3=s3)
        for offset, _ in work_lists.read_spans(work_lists.MANIFEST, promotion, s3=s3)
    )
    observed = {artifact.key: artifact for artifacts in lists for artifact in artifacts}
    return [
        replace(transfer, artifact=observed.get(transfer.artifact.key, transfer.artifact))
        for transfer in work_lists.read(work_lists.COPY_PLAN, Transfer, promotion, s3=s3)
    ]


def run(world: World, step: Step, promotion: Promotion, **more: object) -> dict[str, str]:
    """Run one step alone, and return the error that it ended with, if it did."""
    answer = world.client("lambda").invoke(
        FunctionName=function(step),
        Payload=json.dumps(
            {"step": step, "promotion": promotion.to_json(), "retry_count": 0, "error_name": "", **more}
        ).encode(),
    )
    failure: dict[str, str] = json.loads(answer["Payload"].read())
    return failure if answer.get("FunctionError") else {}


_clients: dict[tuple[Path, str, str], Any] = {}


def _client(sandbox: Sandbox, service: str, environment: str) -> Any:
    key = (sandbox.directory, service, environment)
    if key not in _clients:
        _clients[key] = sandbox.client(service, environment)
    return _clients[key]


@lru_cache(maxsize=4)  # 10 MB each
def _code(settings: str, *, small_parts: bool = False) -> bytes:
    """What is deployed with these settings: the same archive each time, which Lambda need not unpack twice."""
    folder = bundle.build(Settings.from_json(settings))
    return zipped(folder, _with_small_parts(folder) if small_parts else {})


def _with_small_parts(folder: Path) -> dict[str, str]:
    name = Path(partitioning.__file__).relative_to(PROJECT).as_posix()
    text = (folder / name).read_text()
    for usual, small in SMALL_PARTS.items():
        assert text.count(usual) == 1, usual
        text = text.replace(usual, small)
    return {name: text}


def zipped(folder: Path, replaced: Mapping[str, str] = NOTHING) -> bytes:
    """A bundle as a zip archive, as Lambda takes it, with other texts of some of its files."""
    archive = io.BytesIO(_zipped_libraries(tuple(sorted(top.name for top in folder.iterdir())), folder))
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as draft:
        _add(draft, folder / OWN, folder, replaced)
    return archive.getvalue()


_libraries: dict[tuple[str, ...], bytes] = {}


def _zipped_libraries(names: tuple[str, ...], folder: Path) -> bytes:
    """All of a bundle but our own code, which is the same in every bundle of a run and most of it."""
    if names not in _libraries:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as draft:
            for name in names:
                if name != OWN:
                    _add(draft, folder / name, folder)
        _libraries[names] = archive.getvalue()
    return _libraries[names]


def _add(archive: zipfile.ZipFile, path: Path, root: Path, replaced: Mapping[str, str] = NOTHING) -> None:
    texts = {root / name: text for name, text in replaced.items()}
    # Compiled without regard to the text.
    stale = {Path(importlib.util.cache_from_source(str(file))) for file in texts}
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file in texts:
            archive.writestr(file.relative_to(root).as_posix(), texts[file])
        elif file.is_file() and file not in stale:
            archive.write(file, file.relative_to(root))


def tar(files: dict[str, bytes]) -> bytes:
    """A gzipped tar archive of the files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()
