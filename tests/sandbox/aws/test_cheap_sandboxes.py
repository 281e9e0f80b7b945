"""What makes a sandbox cheap changes nothing of what it answers."""

import json
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from sandbox.aws.control import Sandbox
from sandbox.aws.controls.client import ControlFailed, ExecutionClient, Progress, StateClient
from tests.sandbox.aws import state_machines
from tests.sandbox.aws.builders import DEV, HUB, QA, allow, create_bucket, create_function, create_role, s3_of

# More than a server keeps of what is over.
LARGE = 17 * 1024**2


@pytest.fixture
def executions(bare_sandbox: Sandbox) -> ExecutionClient:
    return ExecutionClient(bare_sandbox.endpoint_url, str(bare_sandbox.ca_bundle))


@pytest.fixture
def state(bare_sandbox: Sandbox) -> StateClient:
    return StateClient(bare_sandbox.endpoint_url, str(bare_sandbox.ca_bundle))


def test_clients_share_connections_but_not_who_they_are(bare_sandbox: Sandbox) -> None:
    clients = {account: bare_sandbox.client("sts", account) for account in (HUB, DEV, QA)}
    shared = {id(client._endpoint.http_session) for client in clients.values()}
    for _ in range(2):
        assert {account: client.get_caller_identity()["Account"] for account, client in clients.items()} == {
            account: account for account in clients
        }
    assert len(shared) == 1


def test_clients_that_wait_differently_share_no_connection(bare_sandbox: Sandbox) -> None:
    patient, impatient = bare_sandbox.client("sts"), bare_sandbox.client("sts", config=Config(read_timeout=1))
    assert patient._endpoint.http_session is not impatient._endpoint.http_session


def test_a_bundle_whose_sdk_cannot_be_imported_runs_by_itself(bare_sandbox: Sandbox, name: str) -> None:
    broken = {"botocore/__init__.py": "raise ImportError('not today')"}
    create_function(bare_sandbox, HUB, name, "def handler(e, c): return 'ran'", files=broken)
    answer = bare_sandbox.client("lambda").invoke(FunctionName=name)
    assert json.loads(answer["Payload"].read()) == "ran"


def test_a_changed_bundle_has_what_changed_and_what_did_not(bare_sandbox: Sandbox, name: str) -> None:
    source = "import same, other\ndef handler(e, c): return [same.text, other.text]"
    for number, text in enumerate(("before", "after.")):  # of one length
        files = {"same.py": "text = 'same'", "other.py": f"text = {text!r}"}
        create_function(bare_sandbox, HUB, f"{name}{number}", source, files=files)
        answer = bare_sandbox.client("lambda").invoke(FunctionName=f"{name}{number}")
        assert json.loads(answer["Payload"].read()) == ["same", text]


def test_environments_of_one_bundle_share_what_they_import_and_no_state(bare_sandbox: Sandbox, name: str) -> None:
    source = """
import os, common
def handler(event, context):
    common.runs.append(1)
    return [common.imported_by == os.getpid(), common.colour, len(common.runs), os.environ["AWS_LAMBDA_FUNCTION_NAME"]]
"""
    files = {
        "common.py": "import os\nruns, imported_by, colour = [], os.getpid(), os.environ.get('COLOUR')",
        # A bundle that brings an SDK; without a module of its own there, Python takes the runtime's.
        "botocore/none": "",
    }
    colours = {f"{name}{number}": colour for number, colour in enumerate(("red", "blue", "red"))}
    for function, colour in colours.items():
        variables = {"Variables": {"COLOUR": colour}}
        create_function(bare_sandbox, HUB, function, source, files=files, Environment=variables)
        answers = [bare_sandbox.client("lambda").invoke(FunctionName=function) for _ in range(2)]
        runs = [json.loads(answer["Payload"].read()) for answer in answers]
        assert runs == [[False, colour, count, function] for count in (1, 2)]


def test_a_module_that_cannot_be_imported_is_reported_by_its_function(bare_sandbox: Sandbox, name: str) -> None:
    files = {"common.py": "raise RuntimeError('not today')", "botocore/none": ""}
    create_function(bare_sandbox, HUB, name, "import common", files=files)
    for _ in range(2):
        answer = bare_sandbox.client("lambda").invoke(FunctionName=name)
        assert "not today" in json.loads(answer["Payload"].read())["errorMessage"]


def test_leftovers_are_histories_of_ended_executions(bare_sandbox: Sandbox, state: StateClient, name: str) -> None:
    workflow = state_machines.create_workflow(bare_sandbox, name, {"Hold": state_machines.wait(0)[1]})
    running = state_machines.create_workflow(bare_sandbox, f"{name}-running", {"Hold": state_machines.wait(100_000)[1]})
    runs = state_machines.start(bare_sandbox, running)
    ended = state_machines.end(bare_sandbox, workflow)["executionArn"]
    state.drop_leftovers()
    assert state_machines.event_types(bare_sandbox, ended) == ["ExecutionSucceeded"]
    assert state_machines.event_types(bare_sandbox, runs)[0] == "ExecutionStarted"
    bare_sandbox.client("stepfunctions").stop_execution(executionArn=runs)


def test_histories_are_dropped_by_how_the_executions_ended(
    bare_sandbox: Sandbox, state: StateClient, name: str
) -> None:
    failing = {"Fail": {"Type": "Fail", "Error": "Broken"}}
    executions = {
        status: state_machines.end(bare_sandbox, state_machines.create_workflow(bare_sandbox, f"{name}-{status}", how))
        for status, how in {"FAILED": failing, "SUCCEEDED": {"Hold": state_machines.wait(0)[1]}}.items()
    }
    state.drop_histories("FAILED")
    failed, succeeded = (
        state_machines.event_types(bare_sandbox, execution["executionArn"]) for execution in executions.values()
    )
    assert failed == ["ExecutionFailed"]
    assert succeeded[0] == "ExecutionStarted"


def test_an_execution_is_waited_for_until_its_state_or_its_end(
    bare_sandbox: Sandbox, executions: ExecutionClient, name: str
) -> None:
    states = {"First": {"Type": "Pass", "Next": "Hold"}, "Hold": state_machines.wait(100_000)[1]}
    arn = state_machines.start(bare_sandbox, state_machines.create_workflow(bare_sandbox, name, states))
    assert executions.wait(arn, state="Hold", seconds=20) == Progress("RUNNING", ["First", "Hold"])
    assert executions.wait(arn, seconds=0.1).status == "RUNNING"  # the time is up
    bare_sandbox.client("stepfunctions").stop_execution(executionArn=arn)
    assert executions.wait(arn, state="Never", seconds=20) == Progress("ABORTED", ["First", "Hold"])


def test_an_execution_that_does_not_exist_cannot_be_waited_for(executions: ExecutionClient) -> None:
    with pytest.raises(ControlFailed, match=r"404.*There is no execution"):
        executions.wait(f"arn:aws:states:us-east-1:{HUB}:execution:none:none", seconds=0)


def test_where_a_request_comes_from_is_not_what_it_says(bare_sandbox: Sandbox, name: str) -> None:
    create_bucket(bare_sandbox, DEV, name)
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}
    s3 = s3_of(bare_sandbox, DEV, create_role(bare_sandbox, DEV, name, allow("s3:ListBucket", Condition=here)))

    def claim(request: AWSPreparedRequest, **_: object) -> None:
        request.headers["X-Forwarded-For"] = "192.0.2.1"

    s3.meta.events.register("before-send.s3", claim)
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_leftovers_are_large_objects(bare_sandbox: Sandbox, state: StateClient, name: str) -> None:
    s3 = bare_sandbox.client("s3", DEV)
    create_bucket(bare_sandbox, DEV, name)
    for key, size in {"large": LARGE, "small": 1}.items():
        s3.put_object(Bucket=name, Key=key, Body=bytes(size))
    state.drop_leftovers()
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=name)["Contents"]] == ["small"]


def test_a_wait_takes_as_long_as_a_look_at_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SANDBOX_LEAST_WAIT", "0.3")
    sandbox = Sandbox.start(tmp_path, tied=True)
    try:
        ended = state_machines.end(
            sandbox, state_machines.create_workflow(sandbox, name, {"Hold": state_machines.wait(1)[1]})
        )
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() >= 0.3
    finally:
        sandbox.stop()
