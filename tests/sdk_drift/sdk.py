"""Versions of the SDK beside the environment's own, each in a folder of its own. Their models are read; none is run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import ServiceModel

from tests import PROJECT

_FOLDER = PROJECT / ".build" / "sdk-drift"


class Sdk:
    """A botocore in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def version(self) -> str:
        source = (self._folder / "botocore" / "__init__.py").read_text()
        match = re.search(r"^__version__ = '([0-9.]+)'$", source, re.MULTILINE)
        assert match, f"{self._folder} has no version"
        return match[1]

    @cached_property
    def _loader(self) -> Loader:
        return Loader(extra_search_paths=[str(self._folder / "botocore" / "data")], include_default_search_paths=False)

    def api(self, service: str) -> ServiceModel:
        return ServiceModel(self._loader.load_service_model(service, "service-2"), service)


def of_version(version: str) -> Sdk:
    """Install a version, if it is not there yet."""
    folder = _FOLDER / version
    if not folder.exists():
        _install(f"botocore=={version}").rename(folder)
    return Sdk(folder)


def newest() -> Sdk:
    """Install the newest version of the index."""
    installed = _install("botocore")
    folder = _FOLDER / Sdk(installed).version
    if not folder.exists():
        installed.rename(folder)
    return Sdk(folder)


def newest_of(package: str) -> tuple[Path, str]:
    """Install the newest version of a package; return its folder, until the next one is installed, and its version."""
    folder = _install(package)
    (metadata,) = folder.glob(f"{package.replace('-', '_')}-*.dist-info")
    return folder, metadata.stem.rpartition("-")[2]


def _install(requirement: str) -> Path:
    draft = _FOLDER / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, "--no-deps", "--target", str(draft), requirement], check=True)
    return draft
