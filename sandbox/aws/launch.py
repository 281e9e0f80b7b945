"""From nothing to a sandbox with an app deployed."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sandbox.aws import deployment, environment_file, process
from sandbox.aws.control import WAIT_SCALE, Sandbox
from sandbox.aws.deployment import CdkApp
from sandbox.aws.layout import Layout
from sandbox.aws.locations import Locations

# Called with the name of a phase; the phase runs inside of the context.
Report = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Workload:
    """What a sandbox runs: an app, its accounts, and what the accounts hold beside it.

    `variables` are exported by the environment file, and so is what `after_deploy` returns.
    """

    app: CdkApp
    locations: Locations
    profile_prefix: str = ""
    variables: Callable[[Sandbox], Mapping[str, str]] | None = None
    before_deploy: Callable[[Sandbox], None] | None = None
    after_deploy: Callable[[Sandbox], Mapping[str, str]] | None = None


def launch(
    directory: Path,
    workload: Workload,
    *,
    port: int | None = None,
    wait_scale: float = WAIT_SCALE,
    without: Collection[str] = (),
    tied: bool = False,
    report: Report = nullcontext,
) -> Sandbox:
    """Start a sandbox, bootstrap its accounts, deploy the app. Raises `SandboxFailed`, and leaves nothing running then.

    A `tied` sandbox ends with this process. The app is synthesised in parallel: that takes about as long as everything
    else before the deployment.
    """
    layout = Layout(directory.resolve())
    layout.create()
    # An earlier sandbox's file would lead to a server that has ended.
    layout.environment.unlink(missing_ok=True)
    deployment.write_profiles(layout, workload.locations, workload.profile_prefix)
    with ThreadPoolExecutor(max_workers=1) as pool:
        synthesis = pool.submit(_synthesise, layout, workload.app, report)
        with report("start"):
            sandbox = Sandbox.start(
                directory, locations=workload.locations, port=port, wait_scale=wait_scale, without=without, tied=tied
            )
        try:
            with report("bootstrap"):
                deployment.bootstrap(layout, sandbox.port, workload.locations)
            if workload.before_deploy:
                with report("seed before"):
                    workload.before_deploy(sandbox)
            synthesis.result()
            with report("deploy"):
                deployment.deploy(layout, sandbox.port)
            variables = dict(workload.variables(sandbox)) if workload.variables else {}
            if workload.after_deploy:
                with report("seed after"):
                    variables |= workload.after_deploy(sandbox)
        except BaseException:
            process.stop(layout)
            raise
    environment_file.write(sandbox, variables)
    return sandbox


def launch_empty(
    directory: Path,
    locations: Locations,
    *,
    profile_prefix: str = "",
    port: int | None = None,
    wait_scale: float = WAIT_SCALE,
    without: Collection[str] = (),
    tied: bool = False,
) -> Sandbox:
    """Start a sandbox in whose accounts is nothing but the CDK's bootstrap. Raises `SandboxFailed`, as `launch`."""
    layout = Layout(directory.resolve())
    layout.create()
    layout.environment.unlink(missing_ok=True)
    deployment.write_profiles(layout, locations, profile_prefix)
    sandbox = Sandbox.start(
        directory, locations=locations, port=port, wait_scale=wait_scale, without=without, tied=tied
    )
    try:
        deployment.bootstrap(layout, sandbox.port, locations)
    except BaseException:
        process.stop(layout)
        raise
    environment_file.write(sandbox)
    return sandbox


def _synthesise(layout: Layout, app: CdkApp, report: Report) -> None:
    with report("synthesise"):
        deployment.synthesise(layout, app)
