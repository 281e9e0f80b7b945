"""Real boto3 clients whose requests the simulated S3 answers."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from benchmarks.copy.simulation.machines import Machine
from benchmarks.copy.world import World

_session = boto3.Session(aws_access_key_id="nobody", aws_secret_access_key="nothing", region_name="us-east-1")  # noqa: S106


def s3_client(world: World, machine: Machine, config: Config | None = None) -> Any:
    """Return an S3 client on a machine, configured like any other."""
    client = _session.client("s3", config=config)
    world.serve(client.meta.events, AWSResponse, machine)
    return client
