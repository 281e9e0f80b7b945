"""The real CDK CLI against the sandbox: synthesise, bootstrap, deploy."""

import configparser
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.aws.layout import PROJECT, Layout
from sandbox.aws.locations import Locations
from sandbox.aws.process import HOST, SandboxFailed, log_tail

BOOTSTRAP_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
PLUGIN = PROJECT / "sandbox" / "aws" / "credentials.cjs"


@dataclass(frozen=True)
class CdkApp:
    """An app of the CDK. Its cloud assembly depends on its `sources` (files and folders) and on its context."""

    project: Path  # where its cdk.json is
    sources: tuple[Path, ...]
    context: Mapping[str, str] = field(default_factory=dict)


def synthesise(layout: Layout, app: CdkApp) -> None:
    """Write the cloud assembly, unless it exists already from the same sources: this takes longest of all."""
    digest = _digest(app)
    if layout.assembly_digest.exists() and layout.assembly_digest.read_text() == digest:
        return
    shutil.rmtree(layout.cloud_assembly, ignore_errors=True)
    layout.assembly_digest.unlink(missing_ok=True)
    context = [argument for name, value in app.context.items() for argument in ("--context", f"{name}={value}")]
    _cdk(layout, "synth", {}, "--quiet", *context, "--output", str(layout.cloud_assembly), cwd=app.project)
    layout.assembly_digest.write_text(digest)


def bootstrap(layout: Layout, port: int, locations: Locations) -> None:
    """`cdk bootstrap` of every account."""
    environments = sorted({location.cdk_environment for location in locations.all.values()})
    _cdk(
        layout,
        "bootstrap",
        _environment(layout, port),
        *environments,
        *("--cloudformation-execution-policies", BOOTSTRAP_POLICY),
        *("--plugin", str(PLUGIN)),
        # In a project the CLI would run its app, to learn the accounts that are given here.
        cwd=layout.root,
    )


def deploy(layout: Layout, port: int, stacks: tuple[str, ...] = (), *, assembly: Path | None = None) -> None:
    """`cdk deploy` of the stacks, or of all of them, in the order of their dependencies.

    They come from the sandbox's own cloud assembly, or from another one.
    """
    _cdk(
        layout,
        "deploy",
        _environment(layout, port),
        *(stacks or ("--all",)),
        *("--plugin", str(PLUGIN)),
        *("--app", str(assembly or layout.cloud_assembly)),
        *("--require-approval", "never", "--progress", "events", "--method", "direct", "--concurrency", "4"),
        cwd=layout.root,
    )


def write_profiles(layout: Layout, locations: Locations, prefix: str = "") -> None:
    """One profile an account, as a user has them for AWS, and the default profile for the default account.

    The names of the profiles are those of the accounts after the prefix.
    """
    config, credentials = configparser.ConfigParser(), configparser.ConfigParser()
    config["default"] = {"region": locations.default.region}
    credentials["default"] = _root(locations.default.account)
    for name, location in locations.all.items():
        config[f"profile {prefix}{name}"] = {"region": location.region}
        credentials[f"{prefix}{name}"] = _root(location.account)
    for path, content in ((layout.aws_config, config), (layout.aws_credentials, credentials)):
        with path.open("w") as file:
            content.write(file)


def _root(account: str) -> dict[str, str]:
    return {"aws_access_key_id": account, "aws_secret_access_key": "sandbox"}


def _environment(layout: Layout, port: int) -> dict[str, str]:
    endpoint = f"https://{HOST}:{port}"
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_CA_BUNDLE": str(layout.ca_bundle),
        "NODE_EXTRA_CA_CERTS": str(layout.ca_bundle),
        # A user's own must not be asked, nor be found to be of another account.
        "AWS_CONFIG_FILE": str(layout.aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(layout.aws_credentials),
        "AWS_PROFILE": "default",
    }


def _cdk(layout: Layout, command: str, environment: dict[str, str], *arguments: str, cwd: Path) -> None:
    log = layout.logs / f"cdk-{command}.log"
    tools = [str(PROJECT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    with log.open("wb") as output:
        finished = subprocess.run(  # noqa: S603 - the CDK CLI with our own arguments
            [_tool(tools), command, "--no-notices", "--ci", *arguments],
            cwd=cwd,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "PATH": os.pathsep.join(tools),
                "CDK_DISABLE_CLI_TELEMETRY": "1",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode != 0:
        raise SandboxFailed(f"cdk {command} failed: {_reason(log)}\nThe end of {log}:\n{log_tail(log)}")


def _tool(folders: list[str]) -> str:
    tool = shutil.which("cdk", path=os.pathsep.join(folders))
    if tool is None:
        raise SandboxFailed("the CDK CLI is not installed: run `make install`")
    return tool


def _reason(log: Path) -> str:
    """What CloudFormation, or the app, said first: the later failures follow from it."""
    marks = ("CREATE_FAILED", "UPDATE_FAILED", ": fail: ", "❌", "Error:", "error:")
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    for mark in marks:
        for line in lines:
            if mark in line:
                return line
    return "it does not say why"


def _digest(app: CdkApp) -> str:
    digest = hashlib.sha256(json.dumps(dict(app.context), sort_keys=True).encode())
    for path in _files(app.sources):
        digest.update(str(path).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(sources: tuple[Path, ...]) -> Iterator[Path]:
    for path in sources:
        if path.is_file():
            yield path
        yield from sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
