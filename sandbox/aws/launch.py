"""From nothing to a sandbox with everything deployed."""

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from sandbox.aws import configuration, deployment, environment_file, process
from sandbox.aws.control import DIRECTORY, WAIT_SCALE, Sandbox
from sandbox.aws.layout import Layout

# Told the name of a phase and its seconds.
Report = Callable[[str, float], None]


def launch(
    directory: Path = DIRECTORY,
    *,
    config: Path = configuration.DEFAULT,
    port: int | None = None,
    wait_scale: float = WAIT_SCALE,
    with_model: bool = True,
    tied: bool = False,
    report: Report = lambda phase, seconds: None,
) -> Sandbox:
    """Start, bootstrap and seed the accounts, deploy the app. Raises `SandboxFailed`, and leaves nothing running then.

    Without `with_model` the demo model is not registered. A `tied` sandbox ends with this process. The app is
    synthesised meanwhile: that takes about as long as all the rest before the deployment.
    """
    layout = Layout(directory.resolve())
    layout.create()
    # An earlier one's would lead to a server that is gone.
    layout.environment.unlink(missing_ok=True)
    locations = configuration.read(config)
    deployment.write_profiles(layout, locations)
    with ThreadPoolExecutor(max_workers=1) as beside:
        synthesis = beside.submit(_timed, report, "synthesise", deployment.synthesise, layout, config.resolve())
        with _phase(report, "start"):
            sandbox = Sandbox.start(directory, locations=locations, port=port, wait_scale=wait_scale, tied=tied)
        try:
            with _phase(report, "bootstrap"):
                deployment.bootstrap(layout, sandbox.port, locations)
            synthesis.result()
            extra = _deploy(sandbox, report, with_model)
        except BaseException:
            process.stop(layout)
            raise
    environment_file.write(sandbox, extra)
    return sandbox


def _deploy(sandbox: Sandbox, report: Report, with_model: bool) -> Mapping[str, str]:
    """Deploy between the two halves of the seed: what the accounts had before, and what uses the deployment.

    Returns the extra names for the environment file.
    """
    seed = _seed()
    if seed:
        with _phase(report, "seed before"):
            seed.seed_before_deploy(sandbox)
    with _phase(report, "deploy"):
        deployment.deploy(sandbox.layout, sandbox.port)
    if seed is None or not with_model:
        return {}
    with _phase(report, "seed after"):
        extra: Mapping[str, str] = seed.seed_after_deploy(sandbox) or {}
    return extra


def _seed() -> ModuleType | None:
    return importlib.import_module("sandbox.demo.seed") if importlib.util.find_spec("sandbox.demo.seed") else None


def _timed(report: Report, name: str, do: Callable[..., None], *arguments: object) -> None:
    with _phase(report, name):
        do(*arguments)


@contextmanager
def _phase(report: Report, name: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    report(name, time.monotonic() - begin)
