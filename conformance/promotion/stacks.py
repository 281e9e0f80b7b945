"""Promote's stacks in the account that is asked: what must be true before, and their deployment by the CDK CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from conformance.cleanup.cleaning import Cleaned
from conformance.guard import TAG
from conformance.outcomes import CannotRun, NotPrepared
from conformance.results import PROJECT
from lambdas.promotion.contract import resource_names

SOURCE, TARGET = "dev", "qa"
STACKS = (resource_names.hub_stack(), *(resource_names.environment_stack(name) for name in (SOURCE, TARGET)))
# API: the parameter that `cdk bootstrap` writes, with its default qualifier.
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_DEPLOY_SECONDS = 1_800
_TOOLS = PROJECT / "node_modules" / ".bin"
_LAST_LINES = 15


def configuration(account: str, region: str, *, application: str, bucket: str, label: str) -> Mapping[str, Any]:
    """Return a promotion.yaml of two environments, both in one account, and one application with one stage."""
    location = {"account": account, "region": region}
    smoke_test = {"payload": "x", "content_type": "text/csv", "expect": {"jsonata": f"label = '{label}'"}}
    variant = {"name": "AllTraffic", "instance_type": "ml.t2.medium", "initial_instance_count": 1}
    stage = {"from": SOURCE, "endpoint": f"{application}-{TARGET}", "variants": [variant], "smoke_test": smoke_test}
    return {
        "hub": location,
        "environments": {SOURCE: {**location, "buckets": [bucket]}, TARGET: location},
        "applications": {application: {"model_package_group": application, "stages": {TARGET: stage}}},
    }


def require_prepared(account: Cleaned, number: str, region: str) -> None:
    """Raise NotPrepared unless the CDK can deploy here and no deployment of Promote would be touched."""
    try:
        account.unguarded("ssm").get_parameter(Name=_BOOTSTRAP)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise NotPrepared(
            f"The CDK is not bootstrapped here. Run `cdk bootstrap aws://{number}/{region}`, or leave the promotion "
            "out (ONLY=recording or ONLY=patch). Nothing was created."
        ) from error
    existing = [stack for stack in STACKS if description(account, stack)]
    if existing:
        raise NotPrepared(
            f"Promote is deployed here ({', '.join(existing)}), and its names are fixed: use another account or "
            "Region, or leave the promotion out (ONLY=recording or ONLY=patch). What a run has left goes with "
            "`make conformance-clean-up`. Nothing was created."
        )


def description(account: Cleaned, stack: str) -> Mapping[str, Any] | None:
    """Return what CloudFormation says of a stack, or None if there is none."""
    try:
        stacks = account.unguarded("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    live = [entry for entry in stacks if entry["StackStatus"] != "DELETE_COMPLETE"]
    return live[0] if live else None


def deploy(profile: str, region: str, run: str, document: Mapping[str, Any], folder: Path) -> None:
    """`cdk deploy` of all stacks, with the run's tag. Raises CannotRun with the end of what the CLI printed."""
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "promotion.yaml", folder / "cdk.log"
    config.write_text(json.dumps(document))  # JSON is YAML
    command = [
        *(str(_TOOLS / "cdk"), "deploy", "--all", "--app", f"{sys.executable} app.py", "--context", f"config={config}"),
        *("--output", str(folder / "cdk.out"), "--tags", f"{TAG}={run}", "--profile", profile),
        *("--require-approval", "never", "--ci", "--no-notices", "--progress", "events"),
    ]
    with log.open("wb") as output:
        try:
            finished = subprocess.run(  # noqa: S603 - the CDK CLI with our own arguments
                command,
                cwd=PROJECT,
                env={
                    **os.environ,
                    "PATH": os.pathsep.join([str(_TOOLS), os.environ.get("PATH", "")]),
                    "AWS_REGION": region,
                    "CDK_DISABLE_CLI_TELEMETRY": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_DEPLOY_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"cdk deploy: {error}") from error
    if finished.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise CannotRun(f"cdk deploy failed: {end}")
