"""Faults of the calls of steps: in the processes of their Lambdas, and what the state machine calls itself."""

import functools
import os
from pathlib import Path
from typing import Any

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from sandbox.aws import quick_clients
from sandbox.aws.faults import fault_queue, in_lambda, paths
from sandbox.aws.faults.faults import Call, Fault, Kind, Layer
from sandbox.aws.lambda_environments import forked_lambdas, zygote
from sandbox.aws.patches.lambda_ import lambda_runtime
from sandbox.aws.patches.stepfunctions import workflow_roles

_MODULE = "sandbox_step_faults"
_QUICK = "sandbox_quick_clients"
# How Step Functions names the errors of a service, and what it says when no answer came (AWS: Error names).
_SERVICES = {"dynamodb": "DynamoDB", "sns": "SNS"}
_NO_ANSWER = "SdkClientException"


def install() -> None:
    switch = Path(os.environ["TMPDIR"]) / "step-faults-enabled"
    fault_queue.use_switch_file(switch)
    _install_in_lambdas(switch)
    forked_lambdas.install()
    _intercept_state_machine_calls()
    _join_reset()


def _install_in_lambdas(switch: Path) -> None:
    folder = lambda_runtime.packages_folder()
    folder.mkdir(parents=True, exist_ok=True)
    modules = {_MODULE: in_lambda, _QUICK: quick_clients, zygote.MODULE: zygote}
    for name, module in modules.items():
        file = folder / f"{name}.py"
        file.unlink(missing_ok=True)
        file.symlink_to(str(module.__file__))
    environment = lambda_svc._provided_worker_env

    @functools.wraps(environment)
    def with_fault_settings(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        names: dict[str, str] = environment(config, code_dir, port)
        if str(config.get("Runtime", "")).startswith("python"):
            names["SANDBOX_LAMBDA_RUNTIME"] = _MODULE
            names["SANDBOX_FAULTS_SWITCH"] = str(switch)
            names["SANDBOX_FAULTS_URL"] = os.environ["AWS_ENDPOINT_URL"] + paths.TAKE_PATH
        return names

    lambda_svc._provided_worker_env = with_fault_settings


def _intercept_state_machine_calls() -> None:
    invoke = sfn._invoke_resource

    @functools.wraps(invoke)
    def invoke_with_faults(resource: str, parameters: Any) -> Any:
        service, _, operation = resource.rpartition(":::")[2].partition(":")
        if service not in _SERVICES or not fault_queue.is_on():
            return invoke(resource, parameters)
        call = Call(workflow_roles.state(), service, operation[:1].upper() + operation[1:])
        _fail(fault_queue.take_for_call(call, after=False, can_kill=False), service)
        answer = invoke(resource, parameters)
        _fail(fault_queue.take_for_call(call, after=True, can_kill=False), service)
        return answer

    sfn._invoke_resource = invoke_with_faults


def _fail(fault: Fault | None, service: str) -> None:
    if fault:
        lost = fault.kind in (Kind.TIMEOUT, Kind.TIMEOUT_AFTER)
        code, message = (_NO_ANSWER, "Read timed out") if lost else (fault.error.code, fault.error.message)
        raise sfn._ExecutionError(f"{_SERVICES[service]}.{code}", message)


def _join_reset() -> None:
    reset = lambda_svc.reset

    @functools.wraps(reset)
    def reset_all() -> None:
        reset()
        fault_queue.clear(Layer.STEP)

    lambda_svc.reset = reset_all
