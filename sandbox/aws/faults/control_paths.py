"""The control paths of fault injection, on the server's side."""

import json
from dataclasses import asdict
from typing import Any

from sandbox.aws.controls import paths as control_paths
from sandbox.aws.controls.paths import Response, as_json
from sandbox.aws.faults import fault_queue, paths
from sandbox.aws.faults.faults import Call, Fault, Layer


def install() -> None:
    control_paths.serve(_handle)


async def _handle(method: str, path: str, body: bytes, _: dict[str, Any]) -> Response | None:
    if path.startswith(paths.FAULTS_PATH):
        return _faults(method, path.removeprefix(paths.FAULTS_PATH), body)
    if path == paths.CALLS_PATH:
        return _calls(method)
    if path == paths.TAKE_PATH:
        return _take(json.loads(body))
    return None


def _faults(method: str, name: str, body: bytes) -> Response:
    try:
        layer = Layer(name)
        if method == "DELETE":
            fault_queue.clear(layer)
        elif method == "POST":
            fault_queue.add(Fault.from_json({"layer": layer, **json.loads(body)}))
    except (KeyError, TypeError, ValueError) as error:
        return as_json(400, {"message": f"not a fault: {error}"})
    return as_json(200, [fault.to_json() for fault in fault_queue.pending(layer)])


def _calls(method: str) -> Response:
    if method == "POST":
        fault_queue.record()
    injected = [{"call": asdict(call), "kind": kind} for call, kind in fault_queue.injected()]
    return as_json(200, {"calls": [asdict(call) for call in fault_queue.calls()], "injected": injected})


def _take(request: dict[str, Any]) -> Response:
    fault = fault_queue.take_for_call(Call(**request["call"]), after=request["after"])
    return as_json(200, {"kind": fault.kind, **asdict(fault.error)} if fault else None)
