"""Detect what looks like a secret in an environment variable, by its name or by its value. Pure: no AWS calls.

API (ContainerDefinition, Environment): "Don't include any sensitive data in your environment variables." Every
principal that may describe a model can read them. A value that looks like a secret is never logged, and is promoted
only if the configuration names it.

The forms of the issuers' tokens are facts of detect-secrets 1.5.0 (Yelp, plugins/) and of the issuers. The library
itself reads source code line by line, not variables, and brings requests and PyYAML into every Lambda.
"""

from __future__ import annotations

import re

from lambdas.promotion.model import secret_names

_SECRET_VALUES = {
    "an AWS access key": r"(?<![A-Z0-9])(A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
    # The second is the first in base64, unless a certificate or a public key follows.
    "a private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|LS0tLS1CRUdJTi(?!BDRVJU|BQVUJM)|PuTTY-User-Key-File-\d",
    "a GitHub token": r"(?<!\w)(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})",
    "a GitLab token": r"(?<!\w)(gl(pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[\w-]{20,}|GR1348941[\w-]{20,})",
    "a Hugging Face token": r"(?<!\w)(hf_|api_org_)[A-Za-z0-9]{20,}",
    "an API key": r"(?<![\w-])(sk-([A-Za-z0-9]+-)*(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_]{16,}|[rs]k_(live|test)_\w{16,}"
    r"|(gsk|pcsk|lsv2|r8|dckr_pat|npm|do[opr]_v1|shp(at|ca|pa|ss)|glsa|wandb_v1)_\w{20,}"
    r"|(nvapi|xai|pplx|NRAK|sq0csp|sq0atp)-[\w-]{20,}|dapi[0-9a-f]{32}|hv[sb]\.[\w-]{20,}|AKC[A-Za-z0-9]{30,}"
    r"|pypi-AgE[\w-]{50,}|SG\.[\w-]{20,}\.[\w-]{40,}|(AC|SK)[0-9a-f]{32}(?!\w)|[0-9a-f]{32}-us\d{1,2}(?!\w)"
    r"|\d{8,10}:[\w-]{35}(?![\w-]))",
    "a Google API key": r"(?<!\w)(AIza[\w-]{35}|ya29\.[\w-]{20,})",
    "a Slack token": r"(?<!\w)(xox[abeoprs]|xapp)-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "a signed token (JWT)": r"(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "a login": r"(?i)(?<!\w)(bearer|basic)\s+(?=[\w+/.~-]*\d)[\w+/.~-]{16,}",
    "a signed URL": r"(?i)[?&](X-Amz-Signature|X-Amz-Credential|Signature|sig)=",
}
_VALUES = {kind: re.compile(pattern) for kind, pattern in _SECRET_VALUES.items()}
_PASSWORD_IN_URL = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]*:(?P<value>[^\s/@]+)@")
# Pwd=…; in a connection string, "password": "…" in JSON, --api-key=… in arguments.
_ASSIGNMENT = re.compile(
    r"(?<![\w.])(?P<name>[A-Za-z][\w.-]{0,63})[\"']?\s*[:=]\s*(?=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'&;,}\]]+))"
)
# A number or a switch, a text without letters and digits (###, ****), a placeholder (<pad>, [SEP], ${NAME}, {{name}}),
# a file in a directory that systems have.
_HARMLESS = re.compile(
    r"([+-]?\d+(\.\d+)?|true|false|yes|no|on|off|none|null|[\W_]*"
    r"|</?[^<>\s]*>|\[[A-Z0-9_ ]*\]|\$\{?\w+\}?|\$\([^()]*\)|\{\{[^{}]*\}\}|%\w+%"
    r"|/(app|data|etc|home|mnt|opt|root|run|tmp|usr|var)/[\w./-]+)?",
    re.IGNORECASE,
)


def kind_of_secret(name: str, value: str) -> str | None:
    """Return what a variable looks like ("a Hugging Face token"), or None. The result never contains the value."""
    by_value = next((kind for kind, pattern in _VALUES.items() if pattern.search(value)), None)
    if by_value:
        return by_value
    if any(not _is_harmless(match["value"]) for match in _PASSWORD_IN_URL.finditer(value)):
        return "a password in a URL"
    if secret_names.is_secret(name) and not _is_harmless(value):
        return "a secret, by its name"
    fields = (match for match in _ASSIGNMENT.finditer(value) if not _is_harmless(match["value"].strip("\"'")))
    if any(secret_names.is_secret(match["name"]) for match in fields):
        return "a text with a secret, by the name of a field"
    return None


def _is_harmless(value: str) -> bool:
    return bool(_HARMLESS.fullmatch(value.strip()))
