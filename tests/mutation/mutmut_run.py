"""A run of mutmut for one capability, in a folder of its own that looks like the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import PROJECT
from tests.mutation.rule_modules import Rules

_BUILD = PROJECT / ".build" / "mutation"
_PACKAGES = _BUILD / "packages"
_MUTMUT = Path(__file__).with_name("tuned_mutmut.py")
# What the tests read or import beside lambdas/ and tests/, which mutmut copies in any case.
_ALSO_READ = ("recordings", "stacks", "sandbox", "docs", "app.py", "cdk.json")
# A test that tries random values must give the same verdict on the same mutant in each run. mutmut runs pytest several
# times in one process, in which a logger may still write to the stream that an earlier run captured: so none is.
_PYTEST: dict[str, object] = {
    "addopts": "--strict-markers --hypothesis-seed=0 --capture no -p no:cacheprovider",
    "markers": ["large", "xdist_group"],
}
# Parts of names of tests that are not run. They measure how long a rule takes, and are slow: a mutant that does not end
# is waited for as a multiple of its tests. Or they look at a module's functions, among which mutmut puts its own.
NOT_RUN = ("in_a_time_that_grows", "in_a_short_time", "is_read_in_time")
# A mutant may take (its tests' time + more) * times longer, in seconds: the machine may be busy with other work.
_MORE_TIME, _TIMES_LONGER = 2.0, 8.0
_END_OF_LOG = 4_000  # characters


def run(rules: Rules, processes: int) -> Path:
    """Test every mutant of a capability's rules; return the folder of the mutated modules and their results.

    Raises `RuntimeError` with the end of the log if the tests fail without a mutation.
    """
    folder = folder_of(rules)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lambdas", "tests", *_ALSO_READ):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(PROJECT / name)
    (folder / "pyproject.toml").write_text("\n".join(_configuration(rules)))
    log = folder / "mutmut.log"
    with log.open("w") as written:
        ended = subprocess.run(
            [sys.executable, "-P", str(_MUTMUT), "run", "--max-children", str(processes)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
            stdout=written,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        raise RuntimeError(f"mutmut ended with {ended.returncode}. The end of {log}:\n{log.read_text()[-_END_OF_LOG:]}")
    return folder / "mutants"


def folder_of(rules: Rules) -> Path:
    return _BUILD / rules.capability


def _configuration(rules: Rules) -> Iterator[str]:
    yield "[tool.pytest.ini_options]"
    yield from _assignments(_PYTEST)
    yield "[tool.mutmut]"
    yield from _assignments(
        {
            "source_paths": ["lambdas"],
            "only_mutate": [path.as_posix() for path in rules.modules],
            "also_copy": list(_ALSO_READ),
            "pytest_add_cli_args_test_selection": [*(path.as_posix() for path in rules.tests), "-k", _selection()],
            "timeout_constant": _MORE_TIME,
            "timeout_multiplier": _TIMES_LONGER,
            "use_git_change_detection": False,
        }
    )


def _selection() -> str:
    return " and ".join(f"not {part}" for part in NOT_RUN)


def _assignments(values: dict[str, object]) -> Iterator[str]:
    """TOML writes texts, numbers, truth values and lists of them as JSON does."""
    return (f"{name} = {json.dumps(value)}" for name, value in values.items())
