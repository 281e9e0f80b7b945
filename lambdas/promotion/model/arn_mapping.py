"""ARNs in a text: which stand in it, and how a stage's configuration exchanges them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ARN = re.compile(r"(?<![\w-])arn:aws[a-z-]*:[^\s\"'`,;<>|\\(){}\[\]]+", re.IGNORECASE)
# What may go on after an ARN without belonging to it: the end of a sentence.
_NO_MORE = r"(?![\w/:@+=*-]|\.\w)"
_PARTS = 6


def mapped(text: str, arns: Mapping[str, str]) -> tuple[str, str]:
    """Return the text with each configured ARN exchanged, and what is left of it without them, for further rules."""
    if not arns:
        return text, text
    known = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, arns))}){_NO_MORE}")
    return known.sub(lambda found: arns[found[1]], text), known.sub("\0", text)


def in_text(text: str) -> list[str]:
    """Return the ARNs in a text, without the end of a sentence."""
    return [found.rstrip(".:!?") for found in _ARN.findall(text)]


def is_aws_own(arn: str, region: str) -> bool:
    """Whether this names something of AWS itself that can be used in a Region, such as its public hub of models.

    The account is then `aws` (API: SageMakerPublicHubContentArn, arn:aws:sagemaker:<region>:aws:hub-content/...).
    """
    parts = arn.split(":", _PARTS - 1)
    return len(parts) == _PARTS and parts[4] == "aws" and parts[3] in ("", region)
