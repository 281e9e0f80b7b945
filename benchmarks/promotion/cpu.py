"""What Python computes, measured on this machine: the import of each handler, and the making of clients.

Each is the least of some runs of a new process with nothing else in it, in seconds of CPU, with the packages of the
bundle: compiled, and with the models of the services that it keeps. So a change of what a handler imports changes the
benchmark's result; another machine does too (Times.cpu_speed).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# What _CLIENTS prints.
_Clients = dict[str, Any]
# Each is run so often, and the least counts.
_RUNS = 2
# The first service whose client is made in a process pays what all clients share.
_FIRST = "sts"
_IMPORT = """
import time, sys
begin = time.process_time()
import {module}
print(time.process_time() - begin)
"""
_CLIENTS = """
import json, time
from botocore.session import Session
from botocore.httpsession import create_urllib3_context, get_cert_path
def seconds(function):
    begin = time.process_time()
    function()
    return time.process_time() - begin
def connect():
    create_urllib3_context().load_verify_locations(get_cert_path(True))
session = Session()
session.set_credentials("nobody", "nothing")
services = {services}
print(json.dumps({{
    "clients": [(service, *(seconds(lambda: session.create_client(service)) for _ in range(2)))
                for service in services],
    "connect": seconds(connect),
}}))
"""


@dataclass(frozen=True)
class Costs:
    """Seconds of one CPU. `handlers`: to import each; `clients`: the first one of each service, and each other one.

    `first_client`: what the first of all adds. `connect`: TLS's context and certificates, for a connection. `script`:
    to import boto3, as it is installed here. `request`: what a request costs its sender.
    """

    handlers: dict[str, float]
    clients: dict[str, tuple[float, float]]
    first_client: float
    connect: float
    script: float
    request: float

    def imports(self, handler: str) -> float:
        return self.handlers[handler]

    def client(self, service: str, *, again: bool) -> float:
        return self.clients[service][again]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Costs:
        return Costs(**json.loads(text))


def measured(handlers: Iterable[str], services: Iterable[str], *, bundle: Path, request: float) -> Costs:
    """Measure. `handlers`: module and function; `bundle`: the folder that Lambda would unpack."""
    handlers = sorted(set(handlers))
    others = sorted(set(services) - {_FIRST})
    programs = {handler: _IMPORT.format(module=handler.rpartition(".")[0]) for handler in handlers}
    programs["sts"] = _CLIENTS.format(services=[_FIRST, *others])
    programs["others"] = _CLIENTS.format(services=[*others, _FIRST])
    with ThreadPoolExecutor(2) as pool:
        runs = {name: [pool.submit(_output, text, bundle) for _ in range(_RUNS)] for name, text in programs.items()}
        script = [pool.submit(_output, _IMPORT.format(module="boto3"), None) for _ in range(_RUNS)]
        outputs = {name: [json.loads(run.result()) for run in futures] for name, futures in runs.items()}
    first, clients, connect = _clients(outputs["sts"], outputs["others"])
    return Costs(
        handlers={handler: min(outputs[handler]) for handler in handlers},
        clients=clients,
        first_client=first,
        connect=connect,
        script=min(json.loads(run.result()) for run in script),
        request=request,
    )


def _clients(
    with_sts_first: list[_Clients], with_sts_last: list[_Clients]
) -> tuple[float, dict[str, tuple[float, float]], float]:
    """Return what the first client of all adds, each service's first and other clients, and a connection."""
    clients, sts = _least(with_sts_first), _least(with_sts_last)[_FIRST]
    first = max(0.0, clients[_FIRST][0] - sts[0])
    connect: float = min(output["connect"] for output in [*with_sts_first, *with_sts_last])
    return first, clients | {_FIRST: sts}, connect


def _least(outputs: list[_Clients]) -> dict[str, tuple[float, float]]:
    by_service: dict[str, list[tuple[float, float]]] = {}
    for output in outputs:
        for service, first, again in output["clients"]:
            by_service.setdefault(service, []).append((first, again))
    return {
        service: (min(first for first, _ in times), min(again for _, again in times))
        for service, times in by_service.items()
    }


def _output(program: str, bundle: Path | None) -> str:
    """Run a program with the packages of the bundle alone, or with those of this installation."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1"} | ({"PYTHONPATH": str(bundle)} if bundle else {})
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *(["-S"] if bundle else []), "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]
