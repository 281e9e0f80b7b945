"""S3 objects by HTTPS URLs, which the API allows where it has S3 URIs (API: Url, S3ModelUri). Pure.

Source: AWS, S3 user guide, "Virtual hosting of general purpose buckets", "Using dual-stack endpoints"; S3 endpoints and
quotas (FIPS, us-east-1's s3-external-1, the older s3-<Region>).
"""

from __future__ import annotations

import re

_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
_URL = re.compile(
    r"https://(?:(?P<host>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?"
    rf"s3(?:-fips)?(?:\.dualstack)?(?:[.-]{_REGION}|-external-1)?\.amazonaws\.com(?:\.cn)?(?::443)?"
    r"/(?P<path>[^?#%]*)",
    re.IGNORECASE | re.DOTALL,
)


def as_s3_uri(url: str) -> str:
    """Return the S3 URI of what an HTTPS URL of S3 names; anything else as it is.

    A URL with a query (a version, a signature) or with escaped characters is none: whether SageMaker reads them is not
    documented.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return url
    host = (match["host"] or "").lower()
    return f"s3://{host}/{match['path']}" if host else f"s3://{match['path']}"
