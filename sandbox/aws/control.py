"""The sandbox from Python: for the tests, the demo and the command line."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from sandbox.aws import deployment, process, quick_clients
from sandbox.aws.layout import Layout
from sandbox.aws.locations import ONE_ACCOUNT, AccountRegion, Locations

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
        directory: Path,
        *,
        locations: Locations = ONE_ACCOUNT,
        port: int | None = None,
        wait_scale: float = WAIT_SCALE,
        without: Collection[str] = (),
        tied: bool = False,
    ) -> "Sandbox":
        """Start a server with nothing deployed. Raises `SandboxFailed`, `UnknownPatch`.

        It runs `without` the patches of these names, or without "all": that shows which are still needed. A `tied` one
        ends with this process, in whatever way that ends.
        """
        layout = Layout(directory.resolve())
        if process.running(layout):
            raise process.SandboxFailed(f"a sandbox runs in {directory} already")
        layout.create()
        layout.description.write_text(json.dumps({"locations": locations.to_json()}, indent=2))
        server = process.start(layout, port=port, wait_scale=wait_scale, without=without, tied=tied)
        return cls(layout.root, server.port, server.pid, locations)

    @classmethod
    def running(cls, directory: Path) -> "Sandbox | None":
        """The sandbox that runs in the directory, if one does."""
        layout = Layout(directory.resolve())
        server = process.running(layout)
        if server is None:
            return None
        locations = Locations.from_json(json.loads(layout.description.read_text())["locations"])
        return cls(layout.root, server.port, server.pid, locations)

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
        return self.locations.default.region

    @property
    def accounts(self) -> dict[str, str]:
        return {name: location.account for name, location in self.locations.all.items()}

    def client(
        self,
        service: str,
        account: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        *,
        region: str | None = None,
        **options: Any,
    ) -> Any:
        """A boto3 client in an account, by name or number: its root, or the credentials that AssumeRole returned.

        Without an account it works in the default one. Its Region is the location's, or the default one's for a number,
        unless `region` names another.
        """
        location = self._location(account)
        keys = credentials or {"AccessKeyId": location.account, "SecretAccessKey": "sandbox"}
        return _session().client(  # type: ignore[call-overload]
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            region_name=region or location.region,
            endpoint_url=self.endpoint_url,
            verify=str(self.ca_bundle),
            **{"config": Config(retries={"total_max_attempts": 1}), **options},
        )

    def assume(self, role_arn: str, *, by: str | None = None, **options: Any) -> dict[str, Any]:
        """Credentials of a role; `options` are AssumeRole's (Policy, ExternalId, …)."""
        response = self.client("sts", by).assume_role(RoleArn=role_arn, RoleSessionName="sandbox", **options)
        credentials: dict[str, Any] = response["Credentials"]
        return credentials

    def _location(self, account: str | None) -> AccountRegion:
        if account is None:
            return self.locations.default
        return self.locations.all.get(account) or AccountRegion(account, self.region)


@cache
def _session() -> boto3.Session:
    """One session for all clients: it keeps the service models, which take longest to load."""
    quick_clients.apply()
    return boto3.Session(botocore_session=botocore.session.Session(_NO_PROFILE))
