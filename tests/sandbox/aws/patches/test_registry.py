"""The registry of the patches."""

import re
import subprocess
import sys

import pytest

from sandbox.aws.patches import registry
from tests import PROJECT


def test_every_patch_is_in_the_registry() -> None:
    modules = [
        file.relative_to(registry.FOLDER).with_suffix("").as_posix()
        for file in registry.FOLDER.glob("*/*.py")
        if re.search(r"^def apply\(\) -> None:", file.read_text(), re.MULTILINE)
    ]
    assert sorted(patch.path for patch in registry.PATCHES) == sorted(modules)


def test_every_patch_has_a_name_of_its_own_a_service_and_a_sentence() -> None:
    assert len({patch.name for patch in registry.PATCHES}) == len(registry.PATCHES)
    for patch in registry.PATCHES:
        assert patch.service.isidentifier()
        assert patch.summary.endswith("."), patch


def test_a_patch_can_be_left_out_alone() -> None:
    left = registry.selected(["entity_tags"])
    assert [patch for patch in registry.PATCHES if patch not in left] == [registry.Patch("s3/entity_tags")]
    assert registry.selected([registry.ALL]) == []


def test_an_unknown_patch_is_refused_with_the_names_of_the_others() -> None:
    with pytest.raises(registry.UnknownPatch, match=r"the patch 'entity_tag' does not exist: .*entity_tags"):
        registry.selected(["entity_tag"])


def test_the_command_line_refuses_an_unknown_patch() -> None:
    command = [sys.executable, "-m", "sandbox", "up", "--without", "entity_tag"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (run.returncode, "the patch 'entity_tag' does not exist" in run.stderr) == (2, True)


def test_the_command_line_lists_the_patches() -> None:
    command = [sys.executable, "-m", "sandbox", "patches"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert [line.split()[:2] for line in run.stdout.splitlines()] == [
        [patch.name, patch.service] for patch in sorted(registry.PATCHES, key=lambda patch: (patch.service, patch.name))
    ]
