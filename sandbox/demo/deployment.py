"""Promote in a sandbox: its app, its accounts, what they hold beside it, and the variables that name it."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path

from lambdas.promotion.contract import resource_names
from sandbox.aws import launch as sandbox_launch
from sandbox.aws.control import WAIT_SCALE, Sandbox
from sandbox.aws.deployment import CdkApp
from sandbox.aws.launch import Report, Workload
from sandbox.aws.layout import PROJECT
from sandbox.demo import configuration, seed
from sandbox.demo.configuration import Configuration

DIRECTORY = PROJECT / ".sandbox"
# Everything beside the configuration that the cloud assembly is made of.
SOURCES = tuple(PROJECT / source for source in ("app.py", "cdk.json", "requirements.txt", "lambdas", "stacks"))
PROFILE_PREFIX = "promote-"


def app(config: Path) -> CdkApp:
    """The app with a configuration file."""
    config = config.resolve()
    return CdkApp(PROJECT, (config, *SOURCES), {"config": str(config)})


def launch(
    directory: Path = DIRECTORY,
    *,
    config: Path = configuration.DEFAULT,
    port: int | None = None,
    wait_scale: float = WAIT_SCALE,
    without: Collection[str] = (),
    with_model: bool = True,
    tied: bool = False,
    report: Report = nullcontext,
) -> Sandbox:
    """Start a sandbox with Promote deployed. Raises `SandboxFailed`, and leaves nothing running then.

    Without `with_model` the demo model is not registered. A `tied` sandbox ends with this process.
    """
    workload = _workload(configuration.read(config), app(config), with_model=with_model)
    return sandbox_launch.launch(
        directory, workload, port=port, wait_scale=wait_scale, without=without, tied=tied, report=report
    )


def state_machine_arn(sandbox: Sandbox) -> str:
    hub = sandbox.locations.default
    return f"arn:aws:states:{hub.region}:{hub.account}:stateMachine:{resource_names.STATE_MACHINE}"


def variables(sandbox: Sandbox) -> dict[str, str]:
    """What the environment file exports of Promote: account numbers, and what to start."""
    accounts = {f"PROMOTE_{_upper(name)}_ACCOUNT": account for name, account in sandbox.accounts.items()}
    return {**accounts, "PROMOTE_STATE_MACHINE_ARN": state_machine_arn(sandbox)}


def _workload(configured: Configuration, cdk_app: CdkApp, *, with_model: bool) -> Workload:
    def before_deploy(sandbox: Sandbox) -> None:
        seed.seed_before_deploy(sandbox, configured.buckets)

    def after_deploy(sandbox: Sandbox) -> Mapping[str, str]:
        return seed.seed_after_deploy(sandbox, configured.buckets)

    return Workload(
        cdk_app,
        configured.locations,
        PROFILE_PREFIX,
        variables=variables,
        before_deploy=before_deploy,
        after_deploy=after_deploy if with_model else None,
    )


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
