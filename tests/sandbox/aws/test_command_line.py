"""python -m sandbox up | down | status, and the server as a process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.aws import deployment, environment_file, process
from sandbox.aws.control import Sandbox
from sandbox.aws.layout import PROJECT, Layout
from sandbox.demo import deployment as demo_deployment
from tests.sandbox.aws.builders import HUB, LOCATIONS, create_function


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    process.stop(Layout(tmp_path))


def marked(directory: Path) -> list[int]:
    """The living processes of the sandbox in the directory."""
    return [living.pid for living in process._marked(Layout(directory.resolve()))]


def test_up_says_so_when_one_is_up_already(directory: Path) -> None:
    sandbox = Sandbox.start(directory, tied=True)
    answer = command("up", "--dir", str(directory))
    assert answer.returncode == 0
    assert "is up" in answer.stdout
    assert marked(directory) == [sandbox.pid]


def test_status_names_the_url_the_process_and_the_accounts(directory: Path) -> None:
    sandbox = Sandbox.start(directory, locations=LOCATIONS, tied=True)
    answer = command("status", "--dir", str(directory))
    assert answer.returncode == 0
    assert all(fact in answer.stdout for fact in (sandbox.endpoint_url, str(sandbox.pid), f"hub {HUB}"))


def test_status_without_a_sandbox_explains_how_to_start_one(directory: Path) -> None:
    answer = command("status", "--dir", str(directory))
    assert (answer.returncode, "python -m sandbox up" in answer.stdout) == (3, True)


def test_down_is_harmless_when_nothing_runs(directory: Path) -> None:
    assert command("down", "--dir", str(directory)).returncode == 0


def test_down_ends_the_server_and_its_functions(directory: Path, name: str) -> None:
    sandbox = Sandbox.start(directory, tied=True)
    create_function(sandbox, HUB, name, "def handler(e, c): return 1")
    sandbox.client("lambda").invoke(FunctionName=name)
    assert len(marked(directory)) == 2
    command("down", "--dir", str(directory))
    assert marked(directory) == []


def test_two_sandboxes_run_side_by_side(directory: Path, bare_sandbox: Sandbox) -> None:
    other = Sandbox.start(directory, tied=True)
    other.client("s3").create_bucket(Bucket="only-in-the-other")
    assert bare_sandbox.client("s3").list_buckets(Prefix="only-in-the-other")["Buckets"] == []
    other.stop()
    assert Sandbox.running(bare_sandbox.directory) == bare_sandbox


def test_what_a_killed_server_left_behind_does_not_block_the_next(directory: Path, name: str) -> None:
    killed = Sandbox.start(directory, tied=True)
    create_function(killed, HUB, name, "def handler(e, c): return 1")
    killed.client("lambda").invoke(FunctionName=name)
    os.kill(killed.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed.pid)], timeout=5)
    assert Sandbox.running(directory) is None
    assert marked(Sandbox.start(directory, tied=True).directory) == [process.running(Layout(directory)).pid]  # type: ignore[union-attr]


def test_a_stranger_with_the_number_of_a_dead_server_is_left_alone(directory: Path) -> None:
    layout = Layout(directory)
    layout.create()
    layout.lock.write_text(f'{{"pid": {os.getpid()}, "port": 1}}')
    assert process.running(layout) is None
    assert process.stop(layout) is False


def test_a_second_start_in_the_same_directory_is_refused_and_leaves_the_first_running(directory: Path) -> None:
    with process.exclusive(Layout(directory)):
        answer = command("up", "--dir", str(directory))
    assert (answer.returncode, "another start or demo is at work" in answer.stderr) == (1, True)


def test_a_stopped_server_does_not_hold_the_directory_any_more(directory: Path) -> None:
    for _ in range(3):
        Sandbox.start(directory, tied=True)
        assert process.stop(Layout(directory))
        assert process.running(Layout(directory)) is None


def test_a_profile_of_the_user_is_never_required(bare_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    assert bare_sandbox.client("sts").get_caller_identity()["Account"] == HUB


def test_a_number_that_is_no_port_is_refused(directory: Path) -> None:
    answer = command("up", "--dir", str(directory), "--port", "99999")
    assert (answer.returncode, "is no port" in answer.stderr) == (2, True)


def test_a_port_in_use_is_refused(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(process.SandboxFailed, match=f"port {port} of 127.0.0.1 is in use"):
            Sandbox.start(directory, port=port, tied=True)


def test_a_server_that_dies_at_once_shows_the_end_of_its_log(directory: Path) -> None:
    layout = Layout(directory)
    layout.create()
    layout.ca_bundle.write_text("not a certificate")
    layout.certificate.write_text("not a certificate")
    layout.private_key.write_text("not a key")
    with pytest.raises(process.SandboxFailed, match=r"server.log:\n(.*\n)*.*SSL"):
        Sandbox.start(directory, tied=True)
    assert marked(directory) == []


def test_a_configuration_without_accounts_is_refused(directory: Path) -> None:
    config = directory / "promotion.yaml"
    config.write_text("hub: {}")
    answer = command("up", "--dir", str(directory), "--config", str(config))
    assert answer.returncode == 1
    assert "need an account and a region" in answer.stderr


def test_a_failed_synthesis_shows_the_output_of_the_app(directory: Path) -> None:
    config = directory / "promotion.yaml"
    config.write_text("hub: {}")
    layout = Layout(directory)
    layout.create()
    with pytest.raises(process.SandboxFailed, match=r"hub\.account"):
        deployment.synthesise(layout, demo_deployment.app(config))


def test_a_failed_deployment_gives_cloudformation_s_reason(directory: Path) -> None:
    log = directory / "cdk-deploy.log"
    log.write_text(
        "promote-qa | 1 | CREATE_FAILED | AWS::IAM::Role | Deployer Invalid principal in policy: x\n"
        "❌  promote-qa failed: ToolkitError: The stack named promote-qa failed creation\n"
    )
    assert "Invalid principal in policy: x" in deployment._reason(log)


def test_a_profile_has_its_environments_region_and_no_profile_the_hubs(bare_sandbox: Sandbox) -> None:
    deployment.write_profiles(bare_sandbox.layout, bare_sandbox.locations, demo_deployment.PROFILE_PREFIX)
    environment_file.write(bare_sandbox)
    program = "import boto3; print([boto3.Session(profile_name=p).region_name for p in (None, 'promote-production')])"
    script = f'. {bare_sandbox.layout.environment}; exec {sys.executable} -c "{program}"'
    shell = {"PATH": os.environ["PATH"], "AWS_REGION": "sa-east-1", "AWS_DEFAULT_REGION": "sa-east-1"}
    answer = subprocess.run(["/bin/sh", "-c", script], env=shell, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['us-east-1', 'eu-west-1']"


def test_the_environment_file_wins_over_the_shell_s_own_settings(bare_sandbox: Sandbox) -> None:
    environment_file.write(bare_sandbox, {**demo_deployment.variables(bare_sandbox), "PROMOTE_EXTRA": "a b"})
    shown = '"$AWS_PROFILE|$AWS_ACCESS_KEY_ID|$PROMOTE_QA_ACCOUNT|$PROMOTE_EXTRA"'
    script = f". {bare_sandbox.layout.environment}; echo {shown}"
    shell = {"PATH": os.environ["PATH"], "AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "mine"}
    answer = subprocess.run(["/bin/sh", "-c", script], env=shell, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == f"|{HUB}|333333333333|a b"
