"""Which patches MiniStack no longer needs: python -m tests.sandbox.aws.patches.superfluous [NAME …].

It runs the tests of the patches without one patch at a time. A patch without which they all pass is superfluous.
"""

import os
import subprocess
import sys
from pathlib import Path

from sandbox.aws.patches import registry
from tests import PROJECT
from tests.sandbox.aws.conftest import WITHOUT


def is_superfluous(name: str) -> bool:
    """Whether every test of the patches passes without this one."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", "not unpatched", str(Path(__file__).parent)],
        cwd=PROJECT,
        env={**os.environ, WITHOUT: name},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return run.returncode == 0


def main(names: list[str]) -> int:
    registry.selected(names)
    superfluous = []
    for name in names or [patch.name for patch in registry.PATCHES]:
        print(f"{name:<24}", end="", flush=True)
        if is_superfluous(name):
            superfluous.append(name)
        print("superfluous: all tests pass without it" if name in superfluous else "needed")
    print(f"\nSuperfluous: {', '.join(superfluous) or 'none'}")
    return 1 if superfluous else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
