"""Results are old when what they were measured of has changed, and not for a comment."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stored

CODE = '''"""What it does."""

def copy(size):
    """Copy it."""
    # As the API requires.
    return size
'''


@pytest.mark.parametrize(
    ("changed", "old"),
    [
        (CODE.replace("As the API requires.", "AWS: S3."), False),
        (CODE.replace("Copy it.", "Copy an object."), False),
        (CODE.replace("\n\n", "\n\n\n"), False),
        (CODE.replace("return size", "return size + 1"), True),
    ],
)
def test_only_what_can_change_a_result_makes_it_old(
    changed: str, old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PROJECT", tmp_path)
    file = tmp_path / "copy.py"
    file.write_text(CODE)
    result = stored.Stored(made="", files={"copy.py": stored._digest_of(file)}, facts={}, results={})
    file.write_text(changed)
    assert result.changed_files() == (["copy.py"] if old else [])


def test_a_changed_fact_makes_a_result_old() -> None:
    facts = {"definition": stored.digest_of_json({"StartAt": "a"})}
    result = stored.Stored(made="", files={}, facts=facts, results={})
    assert result.changed_facts({"definition": {"StartAt": "a"}}) == []
    assert result.changed_facts({"definition": {"StartAt": "b"}}) == ["definition"]


def test_a_benchmark_is_measured_of_its_own_code_and_of_what_it_imports() -> None:
    files = stored._imported(["benchmarks.copy.contestants.promote"], ["benchmarks/copy", "lambdas/handlers"])
    assert {"benchmarks/copy/contestants/promote.py", "lambdas/handlers/copy_unit.py"} <= set(files)
    assert not any(file.startswith("lambdas/promotion") for file in files)
