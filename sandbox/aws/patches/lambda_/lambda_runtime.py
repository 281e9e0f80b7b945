"""Python functions run under AWS's own runtime client, with the packages of AWS's runtime only.

MiniStack's worker reports every exception as Runtime.HandlerError, and Retry and Catch go by the class name. It also
lets a function import whatever the server's environment holds, so that a library missing from the bundle is not missed.
"""

import functools
import os
import shlex
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

# The SDK and the runtime client, with what they need: all that AWS's Python runtime has beside the standard library.
RUNTIME_DISTRIBUTIONS = (
    "awslambdaric",
    "simplejson",
    "snapshot-restore-py",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)

# -S: no site-packages. The function's own folder is the working folder, hence first on the path (a script's folder
# would take its place). Who wants to be in the process before the runtime client puts a module there and names it.
BOOTSTRAP = """#!/bin/sh
export PYTHONPATH={packages}
exec {python} -S -m "${{SANDBOX_LAMBDA_RUNTIME:-awslambdaric}}" "$_HANDLER"
"""


def apply() -> None:
    packages = _runtime_packages(packages_folder())
    bootstrap = BOOTSTRAP.format(packages=shlex.quote(str(packages)), python=shlex.quote(sys.executable))
    unpack = lambda_svc._provided_runtime_code_dir

    @functools.wraps(unpack)
    def unpack_with_bootstrap(code_zip: bytes) -> str:
        folder = unpack(code_zip)
        _write_once(Path(folder) / "bootstrap", bootstrap)
        return str(folder)

    environment = lambda_svc._provided_worker_env

    @functools.wraps(environment)
    def worker_environment(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        names: dict[str, str] = environment(config, code_dir, port)
        names["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{config.get('Runtime', '')}"
        names["AWS_LAMBDA_LOG_GROUP_NAME"] = (config.get("LoggingConfig") or {}).get(
            "LogGroup", f"/aws/lambda/{config.get('FunctionName', '')}"
        )
        return names

    of_runtime = lambda_runtime._worker_class_for

    @functools.wraps(of_runtime)
    def worker_class(config: dict[str, Any]) -> Any:
        if str(config.get("Runtime", "")).startswith("python"):
            return lambda_runtime.ProvidedWorker
        return of_runtime(config)

    in_worker = lambda_svc._execute_function_warm

    @functools.wraps(in_worker)
    def execute(func: dict[str, Any], event: Any, request_id: str) -> Any:
        runtime = str((func.get("config") or func).get("Runtime", ""))
        run = lambda_svc._execute_function_provided_warm if runtime.startswith("python") else in_worker
        return run(func, event, request_id)

    lambda_svc._provided_runtime_code_dir = unpack_with_bootstrap
    lambda_svc._provided_worker_env = worker_environment
    lambda_svc._execute_function_warm = execute
    lambda_runtime._worker_class_for = worker_class


def packages_folder() -> Path:
    """Where a function's process finds what the runtime gives it."""
    return Path(os.environ["TMPDIR"]) / "lambda-runtime"


def _write_once(file: Path, content: str) -> None:
    """Whole and executable from the moment it exists: many environments of a function may start at the same time."""
    if file.exists():
        return
    handle, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w") as draft:
        draft.write(content)
    draft_path = Path(name)
    draft_path.chmod(0o755)
    draft_path.replace(file)


def _runtime_packages(folder: Path) -> Path:
    """A folder with links to the runtime's distributions and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_DISTRIBUTIONS:
        installed = distribution(name)
        tops = {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            link = folder / top
            link.unlink(missing_ok=True)
            link.symlink_to(str(installed.locate_file(top)))
    return folder
