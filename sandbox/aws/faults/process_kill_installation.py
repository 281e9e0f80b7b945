"""Where the board is hooked into MiniStack: the processes of the Lambdas, and what the state machine calls itself."""

import functools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ministack import app
from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from sandbox.aws.faults import board, in_lambda
from sandbox.aws.faults.process_kills import CALLS_PATH, FAULTS_PATH, TAKE_PATH, Call, Fault, Kind, Moment, from_record
from sandbox.aws.patches.lambda_ import lambda_runtime
from sandbox.aws.patches.stepfunctions import workflow_roles

_MODULE = "promote_sandbox_kills"
# How Step Functions names the errors of a service, and what it says when no answer came (AWS: Error names).
_SERVICES = {"dynamodb": "DynamoDB", "sns": "SNS"}
_NO_ANSWER = "SdkClientException"


def install() -> None:
    switch = Path(os.environ["TMPDIR"]) / "kills-are-on"
    board.use_switch(switch)
    _run_in_every_lambda(switch)
    _stand_between_the_workflow_and_aws()
    _take_part_in_reset()
    _answer_on_our_addresses()


def _run_in_every_lambda(switch: Path) -> None:
    folder = lambda_runtime.packages_folder()
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / f"{_MODULE}.py"
    module.unlink(missing_ok=True)
    module.symlink_to(in_lambda.__file__)
    environment = lambda_svc._provided_worker_env

    @functools.wraps(environment)
    def with_board(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        names: dict[str, str] = environment(config, code_dir, port)
        if str(config.get("Runtime", "")).startswith("python"):
            names["PROMOTE_SANDBOX_RUNTIME"] = _MODULE
            names["PROMOTE_SANDBOX_SWITCH"] = str(switch)
            names["PROMOTE_SANDBOX_BOARD"] = os.environ["AWS_ENDPOINT_URL"] + TAKE_PATH
        return names

    lambda_svc._provided_worker_env = with_board


def _stand_between_the_workflow_and_aws() -> None:
    invoke = sfn._invoke_resource

    @functools.wraps(invoke)
    def invoke_on_a_bad_day(resource: str, parameters: Any) -> Any:
        service, _, operation = resource.rpartition(":::")[2].partition(":")
        if service not in _SERVICES or not board.is_on():
            return invoke(resource, parameters)
        call = Call(workflow_roles.state(), service, operation[:1].upper() + operation[1:])
        _fail(board.take(call, Moment.BEFORE, may_kill=False), service)
        answer = invoke(resource, parameters)
        _fail(board.take(call, Moment.AFTER, may_kill=False), service)
        return answer

    sfn._invoke_resource = invoke_on_a_bad_day


def _fail(fault: Fault | None, service: str) -> None:
    if fault:
        lost = fault.kind in (Kind.TIMEOUT, Kind.TIMEOUT_AFTER)
        code, message = (_NO_ANSWER, "Read timed out") if lost else (fault.code, fault.message)
        raise sfn._ExecutionError(f"{_SERVICES[service]}.{code}", message)


def _take_part_in_reset() -> None:
    reset = lambda_svc.reset

    @functools.wraps(reset)
    def reset_all() -> None:
        reset()
        board.clear()

    lambda_svc.reset = reset_all


def _answer_on_our_addresses() -> None:
    shortcuts = app._handle_post_body_shortcuts

    @functools.wraps(shortcuts)
    async def with_kills(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        if path == FAULTS_PATH:
            return _faults(method, body)
        if path == CALLS_PATH:
            return _calls(method)
        if path == TAKE_PATH:
            return _take(json.loads(body))
        return await shortcuts(method, path, headers, body, query, request_id)

    app._handle_post_body_shortcuts = with_kills


def _faults(method: str, body: bytes) -> Any:
    if method == "DELETE":
        board.clear()
    elif method == "POST":
        try:
            board.add(from_record(json.loads(body)))
        except (KeyError, TypeError, ValueError) as error:
            return _json(400, {"message": f"not a fault: {error}"})
    return _json(200, [asdict(fault) for fault in board.waiting()])


def _calls(method: str) -> Any:
    if method == "POST":
        board.record()
    happened = [{"call": asdict(call), "kind": kind} for call, kind in board.happened()]
    return _json(200, {"calls": [asdict(call) for call in board.calls()], "happened": happened})


def _take(asked: dict[str, Any]) -> Any:
    fault = board.take(Call(**asked["call"]), Moment(asked["moment"]))
    return _json(200, asdict(fault) if fault else None)


def _json(status: int, content: Any) -> Any:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
