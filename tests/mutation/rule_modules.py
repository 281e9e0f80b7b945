"""What is mutated: the modules of lambdas/promotion that compute without AWS and take no client, by capability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import PROJECT
from tests.structure.test_layering import computes_without_aws, files


@dataclass(frozen=True)
class Rules:
    """The rule modules of one capability, and the folders of their own tests: paths below the project."""

    capability: str
    modules: tuple[Path, ...]
    tests: tuple[Path, ...]


def rules_by_capability() -> Mapping[str, Rules]:
    modules: dict[str, list[Path]] = {}
    for file in files("lambdas", "promotion"):
        path = file.relative_to(PROJECT)
        if file.name != "__init__.py" and computes_without_aws(file) and not _takes_a_client(file):
            modules.setdefault(path.parts[2], []).append(path)
    return {name: Rules(name, tuple(paths), _tests_of(name)) for name, paths in modules.items()}


def _takes_a_client(file: Path) -> bool:
    """It names a client's type, which it imports for a type checker only."""
    return "mypy_boto3" in file.read_text()


def _tests_of(capability: str) -> tuple[Path, ...]:
    folders = [Path("tests", kind, capability) for kind in ("unit", "adapters")]
    return tuple(folder for folder in folders if (PROJECT / folder).exists())
