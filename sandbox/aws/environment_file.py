"""The file that points any AWS client in a shell at the sandbox."""

import shlex
from collections.abc import Mapping

from sandbox.aws.control import Sandbox

# A user's own settings would win over the sandbox's, or mix with them. A Region here would also win over a profile's,
# and the accounts may be in several: without one, clients take the profile's, or the default profile's.
UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)


def variables(sandbox: Sandbox, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the file exports, by name."""
    return {
        "AWS_ENDPOINT_URL": sandbox.endpoint_url,
        "AWS_ENDPOINT_URL_S3": sandbox.endpoint_url,
        "AWS_CA_BUNDLE": str(sandbox.ca_bundle),
        "NODE_EXTRA_CA_CERTS": str(sandbox.ca_bundle),
        "AWS_ACCESS_KEY_ID": sandbox.locations.default.account,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": str(sandbox.layout.aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(sandbox.layout.aws_credentials),
        **(extra or {}),
    }


def write(sandbox: Sandbox, extra: Mapping[str, str] | None = None) -> None:
    lines = ["# Point a shell at the sandbox: source this file.", f"unset {' '.join(UNSET)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables(sandbox, extra).items()]
    sandbox.layout.environment.write_text("\n".join(lines) + "\n")
