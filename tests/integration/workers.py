"""What the workers of one test run share, each of which has a sandbox of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.aws import deployment
from sandbox.aws.layout import Layout
from sandbox.demo.deployment import app


@contextmanager
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the whole run, for one worker at a time."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def take_assembly(common: Layout, own: Layout, config: Path) -> None:
    """Synthesise the app once for all workers: the CDK takes longest of all, and longer when it runs twice at once."""
    common.create()
    own.create()
    deployment.synthesise(common, app(config))
    shutil.copytree(common.cloud_assembly, own.cloud_assembly, copy_function=os.link)
    shutil.copy(common.assembly_digest, own.assembly_digest)
