"""A sandbox of a test run ends with the run, in whatever way that ends; and the run ends with its sandbox."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws import process
from sandbox.aws.layout import PROJECT, Layout
from tests.sandbox.aws.builders import eventually

PATIENCE = 60  # seconds
# Starts a sandbox in which a function has run, says so, and goes on.
STARTER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell ignores it
from pathlib import Path
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, create_function
sandbox = Sandbox.start(Path(sys.argv[1]), tied=sys.argv[2] == "tied")
create_function(sandbox, HUB, "it", "def handler(e, c): return 1")
sandbox.client("lambda").invoke(FunctionName="it")
print("ready", flush=True)
time.sleep(600)
"""
SUITE = """
import os, signal
from pathlib import Path
import psutil, pytest
from sandbox.aws.control import Sandbox
from tests.watched import watched

@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with watched(Sandbox.start(tmp_path_factory.mktemp("sandbox"), tied=True)) as sandbox:
        yield sandbox

def test_fails(sandbox):
    assert False

def test_dies(sandbox):
    os.kill(sandbox.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(sandbox.pid)])
    sandbox.client("sts").get_caller_identity()

@pytest.mark.parametrize("number", range(20))
def test_is_not_run(sandbox, number):
    sandbox.client("sts").get_caller_identity()
"""


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path / "sandbox")
    yield layout
    process.stop(layout)


def started(layout: Layout, how: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STARTER, str(layout.root), how]
    starter = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "ready\n"
    return starter


def living(layout: Layout) -> int:
    """The processes of the sandbox."""
    return len(list(process._marked(layout)))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_tied_sandbox_ends_with_its_starter(layout: Layout, end: signal.Signals) -> None:
    starter = started(layout, "tied")
    assert living(layout) == 2  # the server and the function's environment
    starter.send_signal(end)
    starter.wait(PATIENCE)
    assert eventually(lambda: living(layout) == 0)
    # The kernel takes a dying process's memory before it closes its files, and with them the lock.
    assert eventually(lambda: process.running(layout) is None)


def test_another_outlives_its_starter(layout: Layout) -> None:
    starter = started(layout, "alone")
    starter.kill()
    starter.wait()
    assert process.running(layout) is not None
    assert living(layout) == 2


def test_the_functions_of_a_killed_server_end_too(layout: Layout) -> None:
    starter = started(layout, "alone")
    server = process.running(layout)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: living(layout) == 0)
    starter.kill()
    starter.wait()


def test_a_run_ends_at_once_when_its_sandbox_has_died(tmp_path: Path) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.watched", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "run"), str(suite)],
        cwd=PROJECT,
        env={**environment, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.INTERRUPTED, run.stdout
    assert "the sandbox that the tests use has died" in run.stdout
    assert "2 failed" in run.stdout  # the one before has not ended it
