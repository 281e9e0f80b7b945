"""The Lambda bundle: it contains every handler, which can be imported from it; it is small and pure Python."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Job, Step
from stacks.config.load import load
from stacks.hub import bundle
from tests import PROJECT

MAX_ZIPPED = 8 * 1024**2


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(PROJECT / "sandbox" / "demo" / "promotion.yaml").deployed()


@pytest.fixture(scope="module")
def built(settings: Settings) -> Path:
    return bundle.build(settings)


def test_every_handler_can_be_imported_from_the_bundle_alone(built: Path) -> None:
    """Without Lambda's own packages and those of this environment: -S ignores the packages that are installed here."""
    program = (
        "import importlib, sys\n"
        f"sys.path.insert(0, {str(built)!r})\n"
        f"for step in {[name.value for name in (*Step, *Job)]!r}:\n"
        "    assert callable(importlib.import_module(f'lambdas.handlers.{step}').handler)\n"
        "print(*{m.__file__ for n, m in sys.modules.items() if n in "
        "('lambdas', 'aws_lambda_powertools', 'cattrs', 'attr', 'boto3', 'botocore', 'urllib3')}, sep='\\n')\n"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"AWS_DEFAULT_REGION": "us-east-1"},
    )
    assert process.returncode == 0, process.stderr
    assert all(line.startswith(str(built)) for line in process.stdout.split())


def test_every_file_in_lambdas_that_has_a_handler_is_deployed() -> None:
    files = {file.stem for file in (PROJECT / "lambdas" / "handlers").glob("*.py")} - {"__init__"}
    assert files == {name.value for name in (*Step, *Job)}


def test_the_bundle_contains_the_settings_of_the_configuration(built: Path, settings: Settings) -> None:
    assert Settings.from_json((built / "lambdas" / "promotion" / "contract" / "settings.json").read_text()) == settings


def test_another_configuration_builds_another_bundle(built: Path, settings: Settings) -> None:
    other = json.loads(settings.to_json())
    other["environments"]["qa"]["account"] = "999999999999"
    assert bundle.build(Settings.from_json(json.dumps(other))) != built


def test_the_bundle_is_small_and_pure_python(built: Path, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in built.rglob("*"):
            zipped.write(file, file.relative_to(built))
    assert archive.stat().st_size < MAX_ZIPPED
    assert [file for file in built.rglob("*") if file.suffix in {".so", ".pyd"}] == []
