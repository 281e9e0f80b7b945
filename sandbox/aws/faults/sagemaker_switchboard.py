"""The sandbox's own addresses on the server: faults to inject, and a quick way to forget everything."""

import json
from typing import Any

from sandbox.aws.faults import sagemaker_board
from sandbox.aws.faults.sagemaker import FAULTS_PATH, STATE_PATH, Fault, Kind
from sandbox.aws.sagemaker.api import api
from sandbox.aws.sagemaker.endpoints import lifetime


async def handle(method: str, path: str, body: bytes, query: dict[str, list[str]]) -> api.Response | None:
    """Answer a request to one of our addresses, None for any other."""
    if path == FAULTS_PATH:
        return _faults(method, body)
    if path == STATE_PATH and method == "DELETE":
        await api.in_worker(lifetime.forget, next(iter(query.get("account", [])), None))
        return _json(200, {"forgotten": True})
    return None


def _faults(method: str, body: bytes) -> api.Response:
    if method == "DELETE":
        sagemaker_board.clear()
    elif method in ("POST", "PUT"):
        try:
            record: dict[str, Any] = json.loads(body)
            sagemaker_board.add(Fault(**{**record, "kind": Kind(record["kind"])}))
        except (KeyError, TypeError, ValueError) as error:
            return _json(400, {"message": f"not a fault: {error}"})
    return _json(200, [vars(fault) for fault in sagemaker_board.pending()])


def _json(status: int, content: Any) -> api.Response:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
