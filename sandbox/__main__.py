"""python -m sandbox up | down | status: a local AWS with everything deployed, for any AWS client.

`patches` lists how the emulator behind it is patched.
"""

import argparse
import os
import shlex
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from sandbox.aws import process
from sandbox.aws.control import WAIT_SCALE, Sandbox
from sandbox.aws.launch import launch_empty
from sandbox.aws.layout import Layout
from sandbox.aws.locations import AccountRegion, Locations
from sandbox.aws.patches import registry
from sandbox.demo import configuration
from sandbox.demo.deployment import DIRECTORY, PROFILE_PREFIX, launch, state_machine_arn
from sandbox.demo.phases import Phases

# The profile of its account is promote-empty.
EMPTY = Locations({"empty": AccountRegion("555555555555", "us-east-1")})
out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    arguments = _arguments()
    try:
        return {"up": _up, "down": _down, "status": _status, "patches": _patches}[arguments.command](arguments)
    except (process.SandboxFailed, OSError) as failure:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]The sandbox failed:[/] {failure}")
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "patches"))
    default = Path(os.environ.get("PROMOTE_SANDBOX_DIR", DIRECTORY))
    parser.add_argument("--dir", type=Path, default=default, help="where it keeps its state (default: %(default)s)")
    parser.add_argument("--port", type=_port, help="default: a free one")
    parser.add_argument("--config", type=Path, default=configuration.DEFAULT, help="default: %(default)s")
    parser.add_argument(
        "--wait-scale",
        type=float,
        default=WAIT_SCALE,
        help="how long a second of a Step Functions wait takes (default: %(default)s s)",
    )
    parser.add_argument("--empty", action="store_true", help="one bootstrapped account with nothing in it")
    parser.add_argument("--without", type=registry.patch_name, action="append", default=[], help=registry.WITHOUT_HELP)
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return int(text)


def _up(arguments: argparse.Namespace) -> int:
    running = Sandbox.running(arguments.dir)
    if running:
        out.print(f"A sandbox is up in {arguments.dir} already.\n")
        _print(running)
        return 0
    begin = time.monotonic()
    phases = Phases(out)
    with process.exclusive(Layout(arguments.dir.resolve())), phases.shown():
        options = {"port": arguments.port, "wait_scale": arguments.wait_scale, "without": arguments.without}
        sandbox = (
            launch_empty(arguments.dir, EMPTY, profile_prefix=PROFILE_PREFIX, **options)
            if arguments.empty
            else launch(arguments.dir, config=arguments.config, report=phases.report, **options)
        )
    out.print(f"  {time.monotonic() - begin:5.1f} s  in all\n")
    _print(sandbox)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    layout = Layout(arguments.dir.resolve())
    stopped = process.stop(layout)
    layout.environment.unlink(missing_ok=True)
    out.print("The sandbox is down." if stopped else f"No sandbox runs in {arguments.dir}.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox.running(arguments.dir)
    if sandbox is None:
        out.print(f"No sandbox runs in {arguments.dir}. Start one: python -m sandbox up")
        return 3
    _print(sandbox)
    return 0


def _patches(_: argparse.Namespace) -> int:
    for patch in sorted(registry.PATCHES, key=lambda patch: (patch.service, patch.name)):
        out.print(f"{patch.name:<24} {patch.service:<15} {patch.summary}", markup=False)
    return 0


def _print(sandbox: Sandbox) -> None:
    layout = sandbox.layout
    stop = f"{shlex.quote(sys.executable)} -m sandbox down --dir {shlex.quote(str(sandbox.directory))}"
    facts = {
        "url": sandbox.endpoint_url,
        "process": f"{sandbox.pid}, up for {_age(sandbox.pid)}",
        "accounts": ", ".join(f"{name} {account}" for name, account in sandbox.accounts.items()),
        "executions": _executions(sandbox),
        "endpoints": _endpoints(sandbox),
        "log": layout.server_log,
        "use it": f". {shlex.quote(str(layout.environment))}" if layout.environment.exists() else "nothing is deployed",
        "stop it": "make sandbox-down" if sandbox.directory == DIRECTORY else stop,
    }
    for name, fact in facts.items():
        out.print(f"{name:<11}{fact}")


def _age(pid: int) -> timedelta:
    return timedelta(seconds=round(time.time() - psutil.Process(pid).create_time()))


def _executions(sandbox: Sandbox) -> str:
    try:
        response = sandbox.client("stepfunctions").list_executions(stateMachineArn=state_machine_arn(sandbox))
    except (ClientError, BotoCoreError):
        return "no state machine"
    statuses = [execution["status"] for execution in response["executions"]]
    return ", ".join(f"{statuses.count(status)} {status.lower()}" for status in sorted(set(statuses))) or "none"


def _endpoints(sandbox: Sandbox) -> str:
    endpoints = []
    for name in sandbox.locations.all:
        try:
            response = sandbox.client("sagemaker", name).list_endpoints()
        except (ClientError, BotoCoreError):
            continue
        endpoints += [
            f"{endpoint['EndpointName']} in {name}: {endpoint['EndpointStatus']}" for endpoint in response["Endpoints"]
        ]
    return ", ".join(endpoints) or "none"


if __name__ == "__main__":
    sys.exit(main())
