"""ARNs in a text: find them, and replace them by a stage's configuration. Pure: no AWS calls."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ARN = re.compile(r"(?<![\w-])arn:aws[a-z-]*:[^\s\"'`,;<>|\\(){}\[\]]+", re.IGNORECASE)
# What may follow an ARN without belonging to it: the end of a sentence.
_END = r"(?![\w/:@+=*-]|\.\w)"
_PARTS = 6


def mapped(text: str, arns: Mapping[str, str]) -> tuple[str, str]:
    """Return the text with each configured ARN replaced, and the text without them, for further rules."""
    if not arns:
        return text, text
    configured = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, arns))}){_END}")
    return configured.sub(lambda match: arns[match[1]], text), configured.sub("\0", text)


def in_text(text: str) -> list[str]:
    """Return the ARNs in a text, without the end of a sentence."""
    return [arn.rstrip(".:!?") for arn in _ARN.findall(text)]


def is_aws_own(arn: str, region: str) -> bool:
    """Whether this is a resource of AWS itself that can be used in a Region, such as its public model hub.

    The account is then `aws` (API: SageMakerPublicHubContentArn, arn:aws:sagemaker:<region>:aws:hub-content/...).
    """
    parts = arn.split(":", _PARTS - 1)
    return len(parts) == _PARTS and parts[4] == "aws" and parts[3] in ("", region)
