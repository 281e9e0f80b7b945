"""A result without what identifies an account or gives access to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Fields whose values help no reader, or identify a request or an account.
_DROPPED = {"ResponseMetadata", "RequestId", "HostId", "requestId", "LogResult", "Credentials", "ID", "DisplayName"}
# More of a text shows no more.
LONGEST = 4_000
_TEXTS = (
    # Access keys, and ids of users, roles and sessions (IAM user guide, "Understanding unique ID prefixes").
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|APKA|ABIA|ACCA)[A-Z0-9]{12,}\b"), "<id>"),
    # Who called: a person's name, or that of a company's role.
    (re.compile(r"(arn:aws[\w-]*:(?:iam|sts)::\d{12}:(?:user|assumed-role|federated-user)/)[^\s\"',]+"), r"\1<caller>"),
    (re.compile(r"([?&]X-Amz-[\w-]+=)[^&\s\"']+", re.IGNORECASE), r"\1<redacted>"),
    # S3's canonical ids.
    (re.compile(r"(?<!sha256:)\b[0-9a-f]{64}\b"), "<id>"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "<account>"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}"), "<address>"),
)


def redacted(value: Any) -> Any:
    """Return a copy, as JSON can carry it, without account numbers, keys, names of callers and addresses."""
    if isinstance(value, Mapping):
        return {redacted(str(name)): redacted(item) for name, item in value.items() if name not in _DROPPED}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    for pattern, replacement in _TEXTS:
        text = pattern.sub(replacement, text)
    return text
