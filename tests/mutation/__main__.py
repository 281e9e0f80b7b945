"""`python -m tests.mutation [CAPABILITY ...]`: test the mutants of the rules, and report what survived."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from tests.mutation import mutants, mutmut_run, report
from tests.mutation.mutants import Mutant
from tests.mutation.rule_modules import rules_by_capability
from tests.mutation.survivors import explanations


def main(arguments: Sequence[str]) -> int:
    """Return 0 if enough mutants were killed and each survivor is explained, else 1."""
    rules = rules_by_capability()
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("capabilities", nargs="*", metavar="CAPABILITY", help=f"{', '.join(rules)}; default: all")
    parser.add_argument("--processes", type=int, default=2, help="how many mutants are tested at once")
    parser.add_argument("--again", action="store_true", help="only what survived the last run, or changed since")
    options = parser.parse_args(arguments)
    chosen = options.capabilities or list(rules)
    tested: list[Mutant] = []
    began = time.monotonic()
    print(report.HEADING)
    for name in chosen:
        start = time.monotonic()
        if options.again:
            mutants.forget_survivors(mutmut_run.folder_of(rules[name]))
        else:
            shutil.rmtree(mutmut_run.folder_of(rules[name]), ignore_errors=True)
        results = list(mutants.read(mutmut_run.run(rules[name], options.processes)))
        print(report.row(name, results, time.monotonic() - start), flush=True)
        tested += results
    print(report.row("all", tested, time.monotonic() - began))
    modules = {module.as_posix() for name in chosen for module in rules[name].modules}
    lines, passed = report.report(tested, [entry for entry in explanations() if entry.module in modules])
    print("", *lines, sep="\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
