"""The Lambda bundle: lambdas/, the packages that it requires, and the deployed settings. One bundle serves every step.

It is compiled, so that a cold start does not compile it. Compiled files match only the Python version that compiled
them, so the Lambdas run on the version that deploys them, which is also the version on which the tests ran.
"""

from __future__ import annotations

import compileall
import contextlib
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lambdas.promotion.contract.settings import Settings
from stacks.hub.sdk import models as sdk_models

# Where it is needed: the tests build bundles without the CDK, which starts a process of 150 MB when it is imported.
if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

_ROOT = Path(__file__).parents[2]
_BUILD = _ROOT / ".build"
_LOCK = _ROOT / "lambdas" / "requirements.lock"
_MODELS = Path("botocore", "data")
_A_DAY = 24 * 3600


# By Python's version, as the CDK calls Lambda's runtime.
RUNTIMES = {
    "3.11": "PYTHON_3_11",
    "3.12": "PYTHON_3_12",
    "3.13": "PYTHON_3_13",
    "3.14": "PYTHON_3_14",
}


class BundleError(Exception):
    """The bundle could not be built; the message quotes pip."""


def runtime() -> lambda_.Runtime:
    """Return Lambda's runtime for the Python that runs this, which compiles the bundle. Raises BundleError."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version not in RUNTIMES:
        raise BundleError(
            f"Python {version} cannot deploy Promote: the Lambdas run on the version that deploys them. Deploy with a "
            f"version that Lambda and Promote support: {', '.join(RUNTIMES)}."
        )
    from aws_cdk import aws_lambda  # noqa: PLC0415

    lambda_runtime: lambda_.Runtime = getattr(aws_lambda.Runtime, RUNTIMES[version])
    return lambda_runtime


def code(settings: Settings) -> lambda_.Code:
    """Return the bundle as a CDK asset. Its hash is that of its content: equal settings, equal asset."""
    from aws_cdk import aws_lambda  # noqa: PLC0415

    return aws_lambda.Code.from_asset(str(build(settings)))


def build(settings: Settings) -> Path:
    """Write the bundle and return its folder; an existing one is reused."""
    packages = install_packages()
    sources = _sources()
    models = _trimmed_models(packages, sources)
    digest = hashlib.sha256(f"{settings.to_json()}{packages.name}{models.name}{sys.version_info[:2]}".encode())
    digest.update(Path(__file__).read_bytes())
    for source in sources:
        digest.update(source.relative_to(_ROOT).as_posix().encode() + source.read_bytes())
    bundle = _BUILD / f"bundle-{digest.hexdigest()[:16]}"
    if _is_there(bundle):
        return bundle
    _delete_unused()
    draft = _draft(bundle)
    # Linked: a bundle for each change would otherwise take 30 MB.
    shutil.copytree(packages, draft, copy_function=os.link, ignore=_ignore_models(packages))
    shutil.copytree(models, draft / _MODELS, copy_function=os.link)
    for source in sources:
        copy = draft / source.relative_to(_ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    (draft / "lambdas" / "promotion" / "contract" / "settings.json").write_text(settings.to_json())
    _compile(draft / "lambdas", draft)
    return _finish(draft, bundle)


def install_packages() -> Path:
    """Install what lambdas/requirements.lock lists, and return the folder; an existing one is reused."""
    services = sdk_models.services(_sources())
    pinned = _LOCK.read_bytes() + Path(__file__).read_bytes() + " ".join(sorted(services)).encode()
    pinned += sys.version.encode()  # pip selects packages by it
    packages = _BUILD / f"packages-{hashlib.sha256(pinned).hexdigest()[:16]}"
    if packages.exists():
        return packages
    draft = _draft(packages)
    install_locked(_LOCK, draft)
    # The service models are most of botocore's size: only these are kept.
    unused = [folder for folder in (draft / _MODELS).iterdir() if folder.is_dir() and folder.name not in services]
    for leftover in [*draft.rglob("__pycache__"), *draft.glob("*.dist-info"), *draft.glob("bin"), *unused]:
        shutil.rmtree(leftover)
    _compile(draft, draft)
    return _finish(draft, packages)


def _sources() -> list[Path]:
    return sorted((_ROOT / "lambdas").rglob("*.py"))


def _trimmed_models(packages: Path, sources: list[Path]) -> Path:
    """Return the folder of the service models that the code needs; an existing one is reused."""
    words = sdk_models.words(sources)
    digest = hashlib.sha256(Path(sdk_models.__file__).read_bytes() + packages.name.encode())
    digest.update(" ".join(sorted(words)).encode())
    models = _BUILD / f"models-{digest.hexdigest()[:16]}"
    if _is_there(models):
        return models
    draft = _draft(models)
    sdk_models.trim(packages / "botocore", draft, words)
    return _finish(draft, models)


def _ignore_models(packages: Path) -> Callable[[str, list[str]], list[str]]:
    """Return what copytree leaves out of the packages: the untrimmed models."""
    return lambda folder, names: [_MODELS.name] if Path(folder) == packages / _MODELS.parent else []


def install_locked(lock: Path, folder: Path) -> None:
    """Install the packages of a lock into a folder: wheels of pure Python, so that they run on every architecture.

    Raises BundleError, with nothing installed, if the index has a file of another hash, or if a package requires one
    that the lock does not list. A source distribution is refused: it would run code of packages that no lock lists.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock), "--target", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own pins
    if done.returncode != 0:
        raise BundleError(f"pip could not install {lock} for the Lambdas:\n{done.stderr.strip()}")
    compiled = [file.name for file in folder.rglob("*.so")]
    if compiled:
        raise BundleError(f"The Lambda bundle must be pure Python, but holds {', '.join(compiled)}.")


def _compile(folder: Path, bundle: Path) -> None:
    """Compile every file of a folder for the path at which Lambda unpacks it, whatever its time stamp there."""
    done = compileall.compile_dir(
        folder,
        quiet=2,
        stripdir=str(bundle),
        prependdir="/var/task",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise BundleError(f"Not every file of the Lambda bundle in {folder} could be compiled.")


def _is_there(bundle: Path) -> bool:
    """Whether the bundle exists; it then counts as used now, so that no other synthesis deletes it meanwhile."""
    try:
        os.utime(bundle)
    except FileNotFoundError:
        return False
    return True


def _delete_unused() -> None:
    """Delete the bundles and models that no synthesis has used for a day, and the drafts of those that were terminated.

    Every change creates a bundle. Other syntheses finish and delete folders at the same time, so what is listed may be
    gone. A folder is renamed first: no other synthesis finds a half of it.
    """
    for folder in {*_BUILD.glob("bundle-*"), *_BUILD.glob("models-*"), *_BUILD.glob("*.draft-*")}:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _A_DAY:
                unused = _draft(folder)
                folder.rename(unused)
                shutil.rmtree(unused.parent, ignore_errors=True)


def _draft(folder: Path) -> Path:
    """A place of its own to make a folder in: another process may be making the same one."""
    folder.parent.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{folder.name}.draft-", dir=folder.parent)) / folder.name


def _finish(draft: Path, folder: Path) -> Path:
    """A folder with its final name is complete, even if the build was terminated or ran twice concurrently."""
    try:
        draft.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    shutil.rmtree(draft.parent)
    return folder
