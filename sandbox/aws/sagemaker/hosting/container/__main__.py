"""Started as `python -m sandbox.aws.sagemaker.hosting.container <description.json> <listening socket>`.

The model data lies in its folder already. Imports the script, loads the model, and serves.
"""

import ctypes
import importlib.util
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from sandbox.aws.sagemaker.hosting.container import server
from sandbox.aws.sagemaker.hosting.container.script import Script

PR_SET_PDEATHSIG = 1


def main() -> None:
    description = json.loads(Path(sys.argv[1]).read_text())
    _die_with_parent(description["parent"])
    try:
        script = _load(description, Path(description["root"]))
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    server.serve(script, int(sys.argv[2]))


def _load(description: dict[str, Any], root: Path) -> Script:
    model_directory = root / "model"
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_REGION": description["region"],
        **description["environment"],
        "SM_MODEL_DIR": str(model_directory),
        "SAGEMAKER_BASE_DIR": str(root),
    }
    code = _code_directory(environment, model_directory, root)
    os.environ.update(environment)
    if description["credentials"]:
        _offer_credentials(description["credentials"])
    program = _import(code / environment["SAGEMAKER_PROGRAM"])
    return Script(program, str(model_directory))


def _code_directory(environment: dict[str, str], model_directory: Path, root: Path) -> Path:
    submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://"):
        if not (root / "code").is_dir():
            raise ConnectionError(f"network isolation: {submitted} cannot be reached from the container")
        return root / "code"
    local = submitted.removeprefix("file://")
    if local.startswith("/opt/ml/model"):
        return model_directory / local.removeprefix("/opt/ml/model").lstrip("/")
    return model_directory / "code"


def _offer_credentials(credentials: dict[str, str]) -> None:
    os.environ.update(
        AWS_ACCESS_KEY_ID=credentials["access_key"],
        AWS_SECRET_ACCESS_KEY=credentials["secret_key"],
        AWS_SESSION_TOKEN=credentials["token"],
        AWS_REGION=credentials["region"],
        AWS_DEFAULT_REGION=credentials["region"],
    )


def _import(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"no script at {path.name}: neither in SAGEMAKER_SUBMIT_DIRECTORY nor in code/")
    sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path.name} is not a Python program")
    program = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = program
    specification.loader.exec_module(program)
    return program


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the server ended before its container began")


if __name__ == "__main__":
    main()
