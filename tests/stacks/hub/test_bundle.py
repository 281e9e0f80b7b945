"""The Lambda bundle: it contains every handler, which can be imported from it; it is small and pure Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import botocore
import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.jsonata import expressions
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Job, Step
from stacks.config.load import load
from stacks.hub import bundle
from tests import PROJECT
from tests.stacks.synthesis import Template

MAX_ZIPPED = 6 * 1024**2
MAX_MODELS = 1024**2
UNUSED = {"boto3", "s3transfer", "multiprocessing", "aws_xray_sdk", "pydantic", "jsonata"}


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
        "('lambdas', 'aws_lambda_powertools', 'cattrs', 'attr', 'botocore', 'urllib3')}, sep='\\n')\n"
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


def test_an_expression_is_evaluated_from_the_bundle_alone(built: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(built)!r})\n"
        "from lambdas.promotion.contract.jsonata.expressions import Evaluator\n"
        "with Evaluator() as evaluator: print(evaluator.is_true('a = 1', b'{\"a\": 1}'))\n"
    )
    process = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, cwd="/")
    assert process.stdout.split() == [b"True"]


def test_the_smoke_test_has_memory_for_itself_beside_the_evaluation(templates: dict[str, Template]) -> None:
    (memory,) = [
        resource["Properties"]["MemorySize"]
        for resource in templates[resource_names.hub_stack()]["Resources"].values()
        if resource["Properties"].get("FunctionName") == resource_names.function(Step.SMOKE_TEST)
    ]
    assert memory >= 2 * expressions.MEGABYTES


def test_every_file_in_lambdas_that_has_a_handler_is_deployed() -> None:
    files = {file.stem for file in (PROJECT / "lambdas" / "handlers").glob("*.py")} - {"__init__"}
    assert files == {name.value for name in (*Step, *Job)}


def test_the_bundle_contains_the_settings_of_the_configuration(built: Path, settings: Settings) -> None:
    assert Settings.from_json((built / "lambdas" / "promotion" / "contract" / "settings.json").read_text()) == settings


def test_another_configuration_builds_another_bundle(built: Path, settings: Settings) -> None:
    other = json.loads(settings.to_json())
    other["environments"]["qa"]["account"] = "999999999999"
    assert bundle.build(Settings.from_json(json.dumps(other))) != built


def test_the_tests_and_the_sandbox_run_with_the_sdk_of_the_lambdas(built: Path) -> None:
    version = re.search(r"^__version__ = '(.+)'$", (built / "botocore" / "__init__.py").read_text(), re.MULTILINE)
    assert version and version[1] == botocore.__version__ == boto3.__version__


@pytest.mark.parametrize("step", [name.value for name in (*Step, *Job)])
def test_no_handler_imports_what_no_step_calls(step: str, built: Path) -> None:
    """A cold start pays for each import: boto3's transfers need multiprocessing, and the tracer the X-Ray SDK."""
    program = (
        f"import sys; sys.path.insert(0, {str(built)!r})\n"
        f"import lambdas.handlers.{step}\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    process = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, cwd="/")
    assert "botocore" in process.stdout.decode().split()
    assert not UNUSED & set(process.stdout.decode().split())


def test_the_trimmed_models_replace_those_of_the_package(built: Path) -> None:
    models = built / "botocore" / "data"
    assert sum(file.stat().st_size for file in models.rglob("*") if file.is_file()) < MAX_MODELS
    assert not list(models.rglob("*.gz"))


def test_the_bundle_is_small_and_pure_python(built: Path, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in built.rglob("*"):
            zipped.write(file, file.relative_to(built))
    assert archive.stat().st_size < MAX_ZIPPED
    assert [file for file in built.rglob("*") if file.suffix in {".so", ".pyd"}] == []


# Several syntheses in one checkout

SYNTHESES = 4
TWO_DAYS = 2 * 24 * 3600


@pytest.fixture
def build_folder(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder with the installed packages and nothing else."""
    folder = tmp_path / ".build"
    for packages in built.parent.glob("packages-*"):
        if ".draft-" not in packages.name:
            shutil.copytree(packages, folder / packages.name, copy_function=os.link)
    monkeypatch.setattr(bundle, "_BUILD", folder)
    return folder


def configured(settings: Settings, external_id: str) -> Settings:
    return Settings.from_json(json.dumps({**json.loads(settings.to_json()), "external_id": external_id}))


def age(folder: Path) -> None:
    past = time.time() - TWO_DAYS
    os.utime(folder, (past, past))


@pytest.mark.parametrize("name", [str, lambda _: "same"], ids=["of other settings", "of the same settings"])
def test_several_syntheses_build_side_by_side(
    build_folder: Path, settings: Settings, name: Callable[[int], str]
) -> None:
    names = [name(number) for number in range(SYNTHESES)]
    with ThreadPoolExecutor(SYNTHESES) as pool:
        bundles = list(pool.map(lambda name: bundle.build(configured(settings, name)), names))
    for external_id, folder in zip(names, bundles, strict=True):
        deployed = Settings.from_json((folder / "lambdas/promotion/contract/settings.json").read_text())
        assert deployed.external_id == external_id
    assert not list(build_folder.glob("*.draft-*"))


def test_a_folder_that_vanishes_meanwhile_stops_no_synthesis(build_folder: Path, settings: Settings) -> None:
    """A draft of another synthesis is listed, and finished before it is looked at."""
    (build_folder / "bundle-0.draft-0").symlink_to("nowhere")
    assert bundle.build(settings).exists()


def test_a_bundle_that_is_used_again_is_not_deleted(build_folder: Path, settings: Settings) -> None:
    used, unused = (bundle.build(configured(settings, name)) for name in ("used", "unused"))
    age(used)
    age(unused)
    assert bundle.build(configured(settings, "used")) == used
    bundle.build(configured(settings, "new"))
    assert (used.exists(), unused.exists()) == (True, False)


def test_drafts_of_syntheses_that_were_killed_are_deleted(build_folder: Path, settings: Settings) -> None:
    drafts = [build_folder / f"{kind}-0.draft-0" for kind in ("bundle", "packages")]
    for draft in drafts:
        draft.mkdir()
        age(draft)
    bundle.build(settings)
    assert not any(draft.exists() for draft in drafts)
