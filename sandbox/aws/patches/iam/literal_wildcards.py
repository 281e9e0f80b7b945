"""`${*}`, `${?}` and `${$}` in a policy stand for the characters themselves (IAM: policy variables). MiniStack takes
them for wildcards between braces.
"""

import functools
import re

from ministack.core import iam_evaluator

_LITERAL = re.compile(r"\$\{([*?$])\}")


def apply() -> None:
    compile_pattern = iam_evaluator._fnmatch_compile

    @functools.wraps(compile_pattern)
    def compile_literals(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        if not _LITERAL.search(pattern):
            unquoted: re.Pattern[str] = compile_pattern(pattern, ignore_case)
            return unquoted
        pieces = _LITERAL.split(pattern)
        # Every second piece is a character that was quoted; the others hold the wildcards.
        translated = "".join(re.escape(piece) if odd % 2 else _wildcards(piece) for odd, piece in enumerate(pieces))
        return re.compile(f"^{translated}$", re.IGNORECASE if ignore_case else 0)

    iam_evaluator._fnmatch_compile = compile_literals


def _wildcards(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
