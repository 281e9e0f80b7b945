"""The sandbox from Python: for the tests, the demo and the command line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from sandbox.aws import configuration, deployment, process, quick_clients
from sandbox.aws.configuration import AccountRegion, Locations
from sandbox.aws.layout import PROJECT, Layout

DIRECTORY = PROJECT / ".sandbox"
# A wait of 30 s takes 0.3 s. The deployed definition is what it is on AWS.
WAIT_SCALE = 0.01


# A user's AWS_PROFILE may name a profile of another Region, or one that does not exist: it is never asked for.
_NO_PROFILE = {"profile": (None, None, None, None)}


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    directory: Path
    port: int
    pid: int
    locations: Locations

    @classmethod
    def start(
        cls,
        directory: Path = DIRECTORY,
        *,
        locations: Locations = configuration.DEFAULT_LOCATIONS,
        port: int | None = None,
        wait_scale: float = WAIT_SCALE,
        patched: bool = True,
        tied: bool = False,
    ) -> "Sandbox":
        """Start a server with nothing deployed. Raises `SandboxFailed`.

        Not `corrected` is MiniStack as it comes, to see what the corrections are still needed for. A `tied` one ends
        with this process, in whatever way that ends.
        """
        layout = Layout(directory.resolve())
        if process.running(layout):
            raise process.SandboxFailed(f"a sandbox runs in {directory} already")
        layout.create()
        layout.description.write_text(json.dumps({"places": {n: vars(p) for n, p in locations.all.items()}}, indent=2))
        server = process.start(layout, port=port, wait_scale=wait_scale, patched=patched, tied=tied)
        return cls(layout.root, server.port, server.pid, locations)

    @classmethod
    def running(cls, directory: Path = DIRECTORY) -> "Sandbox | None":
        """The sandbox that runs in the directory, if one does."""
        layout = Layout(directory.resolve())
        server = process.running(layout)
        if server is None:
            return None
        locations = {
            n: AccountRegion.from_json(p) for n, p in json.loads(layout.description.read_text())["places"].items()
        }
        return cls(layout.root, server.port, server.pid, Locations(locations.pop("hub"), locations))

    def deploy(self, *stacks: str) -> None:
        """Deploy stacks of the synthesised app, or all of them. Raises `SandboxFailed` with CloudFormation's reason."""
        deployment.deploy(self.layout, self.port, stacks)

    def stop(self) -> None:
        process.stop(self.layout)

    @property
    def layout(self) -> Layout:
        return Layout(self.directory)

    @property
    def endpoint_url(self) -> str:
        return f"https://{process.HOST}:{self.port}"

    @property
    def ca_bundle(self) -> Path:
        return self.layout.ca_bundle

    @property
    def region(self) -> str:
        return self.locations.hub.region

    @property
    def accounts(self) -> dict[str, str]:
        return {name: location.account for name, location in self.locations.all.items()}

    @property
    def state_machine_arn(self) -> str:
        return f"arn:aws:states:{self.region}:{self.locations.hub.account}:stateMachine:promote"

    def client(
        self,
        service: str,
        account: str = "hub",
        credentials: Mapping[str, Any] | None = None,
        *,
        region: str | None = None,
        **options: Any,
    ) -> Any:
        """A boto3 client in an environment or account, by name or number: its root, or what AssumeRole gave.

        Its Region is the environment's, or the hub's for a number, unless `region` says another.
        """
        location = self.locations.all.get(account) or AccountRegion(account, self.region)
        given = credentials or {"AccessKeyId": location.account, "SecretAccessKey": "sandbox"}
        return _session().client(  # type: ignore[call-overload]
            service,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            region_name=region or location.region,
            endpoint_url=self.endpoint_url,
            verify=str(self.ca_bundle),
            **{"config": Config(retries={"total_max_attempts": 1}), **options},
        )

    def assume(self, role_arn: str, *, by: str = "hub", **options: Any) -> dict[str, Any]:
        """Credentials of a role; `options` are AssumeRole's (Policy, ExternalId, …)."""
        answer = self.client("sts", by).assume_role(RoleArn=role_arn, RoleSessionName="sandbox", **options)
        credentials: dict[str, Any] = answer["Credentials"]
        return credentials


@cache
def _session() -> boto3.Session:
    """One session for all clients: it keeps the service models, which take longest to load."""
    quick_clients.apply()
    return boto3.Session(botocore_session=botocore.session.Session(_NO_PROFILE))
