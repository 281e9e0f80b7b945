"""STS: every caller is given a session that lasts."""

from __future__ import annotations

from benchmarks.copy.simulation.s3_http import Response, document

_CREDENTIALS = {
    "AccessKeyId": "ASIANOBODY",
    "SecretAccessKey": "nothing",
    "SessionToken": "none",
    "Expiration": "2099-01-01T00:00:00Z",
}
ROLE_ASSUMED = Response(
    headers={"content-type": "text/xml"},
    body=document("AssumeRoleResponse", {"AssumeRoleResult": {"Credentials": _CREDENTIALS}}),
)
