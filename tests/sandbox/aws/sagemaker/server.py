"""A server with nothing but SageMaker, and what belongs to it, added."""

import contextlib
import functools
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import trustme
from botocore.config import Config

from sandbox.aws import tie
from sandbox.aws.controls.client import StateClient
from sandbox.aws.faults.client import FaultClient
from sandbox.aws.faults.faults import Layer
from tests import PROJECT

ACCOUNT = "222222222222"
OTHER_ACCOUNT = "333333333333"
REGION = "us-east-1"
START = """
import sys
from sandbox.aws import autoscaling, http_server, quotas, sagemaker, tie
tie.end_with(int(sys.argv.pop()))
from ministack import app
from sandbox.aws.faults import control_paths
for part in (http_server, sagemaker, autoscaling, quotas, control_paths):
    part.install()
app.main()
"""


@dataclass(frozen=True)
class Server:
    """A running server and clients for it."""

    url: str
    ca_bundle: Path
    logs: Path
    process: subprocess.Popen[bytes]
    faults: FaultClient = field(repr=False)
    state: StateClient = field(repr=False)

    def client(
        self,
        service: str,
        account: str = ACCOUNT,
        *,
        credentials: dict[str, str] | None = None,
        read_timeout: float = 20,
        region: str = REGION,
    ) -> Any:
        """A client of an account's root, or of the owner of the credentials."""
        keys = credentials or {"aws_access_key_id": account, "aws_secret_access_key": "any"}
        return _client(service, region, self.url, str(self.ca_bundle), read_timeout, **keys)

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_bundle))

    def role_credentials(self, role: str, session_policy: dict[str, Any] | None = None) -> dict[str, str]:
        sts = self.client("sts")
        arguments = {"Policy": json.dumps(session_policy)} if session_policy else {}
        answer = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="test", **arguments)[
            "Credentials"
        ]
        return {
            "aws_access_key_id": answer["AccessKeyId"],
            "aws_secret_access_key": answer["SecretAccessKey"],
            "aws_session_token": answer["SessionToken"],
        }


@functools.cache
def _client(service: str, region: str, url: str, ca_bundle: str, read_timeout: float, **keys: str) -> Any:
    # Kept: making one reads SageMaker's model of 2 MB. No retries: the tests look at each single answer.
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=read_timeout)
    make: Any = boto3.client
    return make(service, region_name=region, endpoint_url=url, verify=ca_bundle, config=config, **keys)


@contextlib.contextmanager
def running_server(root: Path) -> Iterator[Server]:
    """A server that keeps its files below *root*."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(root / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(root / "server.pem")
    certificate.private_key_pem.write_to_path(root / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(root / "server.pem"),
        "MINISTACK_SSL_KEY": str(root / "server.key"),
        "AWS_CA_BUNDLE": str(root / "ca.pem"),
        "AWS_ENDPOINT_URL": url,
        "SFN_WAIT_SCALE": "0.01",
        "SANDBOX_ENDPOINT_SECONDS": "0.15",
        "SANDBOX_LOGS": str(root / "logs"),
        "TMPDIR": str(root),
        "PYTHONPATH": str(PROJECT),
    }
    tied_to = tie.tie(root)
    with (root / "server.log").open("wb") as log:
        command = [sys.executable, "-c", START, str(tied_to)]
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=root, pass_fds=(tied_to,), start_new_session=True
        )
    os.close(tied_to)
    faults = FaultClient(url, str(root / "ca.pem"), Layer.SAGEMAKER)
    try:
        _await(faults, process)
        yield Server(url, root / "ca.pem", root / "logs", process, faults, StateClient(url, str(root / "ca.pem")))
    finally:
        # Not terminate: the server's graceful end waits for the connections that the tests' clients keep open.
        process.kill()
        process.wait(20)
        tie.untie(root)


def _await(faults: FaultClient, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            faults.pending()
        except ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")
