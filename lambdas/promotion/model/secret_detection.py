"""Detect what looks like a secret in an environment variable, by its name or by its value. Pure: no AWS calls.

API (ContainerDefinition, Environment): "Don't include any sensitive data in your environment variables." Every
principal that may describe a model can read them. A value that looks like a secret is never logged, and is promoted
only if the configuration names it.
"""

from __future__ import annotations

import re

_SEGMENTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_SEGMENTS = {
    *("APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS", "PWD", "SECRET"),
    *("SECRETS", "TOKEN", "ACCESSTOKEN", "AUTHTOKEN", "ACCESSKEY", "SECRETKEY", "PRIVATEKEY"),
}
_SECRET_KEYS = {"ACCESS", "ACCOUNT", "API", "AUTH", "ENCRYPTION", "LICENSE", "PRIVATE", "SIGNING", "STORAGE"}
# Tokens of a tokenizer, not of a login: EOS_TOKEN, PAD_TOKEN (Hugging Face: special tokens).
_TOKENS_OF_TEXT = {"BOS", "CLS", "END", "EOS", "MASK", "PAD", "SEP", "SPECIAL", "START", "STOP", "UNK"}
_HARMLESS = re.compile(r"\s*([+-]?\d+(\.\d+)?|true|false|yes|no|on|off|none|null)?\s*", re.IGNORECASE)

_SECRET_VALUES = {
    "an AWS access key": r"(?<![A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a GitHub token": r"(?<!\w)(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})",
    "a GitLab token": r"(?<!\w)glpat-[\w-]{20,}",
    "a Hugging Face token": r"(?<!\w)hf_[A-Za-z0-9]{20,}",
    "an API key": r"(?<![\w-])sk-([A-Za-z0-9]+-)*(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_]{16,}",
    "a Google API key": r"(?<!\w)AIza[\w-]{35}",
    "a Slack token": r"(?<!\w)xox[abeprs]-[\w-]{10,}",
    "a signed token (JWT)": r"(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "a password in a URL": r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@",
    "a signed URL": r"(?i)[?&](X-Amz-Signature|X-Amz-Credential|Signature|sig)=",
}
_VALUES = {kind: re.compile(pattern) for kind, pattern in _SECRET_VALUES.items()}


def kind_of_secret(name: str, value: str) -> str | None:
    """Return what a variable looks like ("a Hugging Face token"), or None. The result never contains the value."""
    by_value = next((kind for kind, pattern in _VALUES.items() if pattern.search(value)), None)
    if by_value:
        return by_value
    return "a secret, by its name" if _is_secret_name(name) and not _HARMLESS.fullmatch(value) else None


def _is_secret_name(name: str) -> bool:
    if name == "PWD":  # a shell's working directory
        return False
    segments = [segment.upper() for segment in _SEGMENTS.findall(name)]
    before = ["", *segments]
    return any(
        (segment == "KEY" and previous in _SECRET_KEYS)
        or (segment in _SECRET_SEGMENTS and not (segment == "TOKEN" and previous in _TOKENS_OF_TEXT))
        for previous, segment in zip(before, segments, strict=False)
    )
