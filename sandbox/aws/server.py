"""The server process: MiniStack with patches, and with the SageMaker service that it lacks.

Run it with `python -m sandbox.aws.server --directory .sandbox --port 4600`; `python -m sandbox up` does that and more.
"""

import argparse
import fcntl
import gc
import json
import os
import sys
from pathlib import Path

from sandbox.aws import certificates, tie
from sandbox.aws.layout import Layout
from sandbox.aws.patches import registry

# What a user's own shell may hold: MiniStack takes the access key for its own root, and its children inherit the rest.
FOREIGN_SETTINGS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


class AlreadyRunning(Exception):
    """Another server holds this directory."""


def main() -> None:
    arguments = _arguments()
    layout = Layout(arguments.directory.resolve())
    layout.create()
    try:
        _hold(layout, arguments.port)
    except AlreadyRunning as refusal:
        sys.exit(str(refusal))
    if arguments.tied_to is not None:
        tie.end_with(arguments.tied_to)
    _set_environment(layout, arguments.port, arguments.wait_scale)

    # Only now: MiniStack reads its settings when it is imported.
    from ministack import app  # noqa: PLC0415

    from sandbox.aws import autoscaling, hot_spots, http_server, listener, quick_clients, quotas, sagemaker, waits  # noqa: PLC0415
    from sandbox.aws.controls import executions, leftovers  # noqa: PLC0415
    from sandbox.aws.faults import control_paths, s3_requests, step_calls  # noqa: PLC0415
    from sandbox.aws.lambda_environments import idle_environments  # noqa: PLC0415

    quick_clients.apply()
    listener.install()
    http_server.install()
    registry.apply(arguments.without)
    sagemaker.install()
    autoscaling.install()
    quotas.install()
    s3_requests.install()
    step_calls.install()
    control_paths.install()
    executions.install()
    leftovers.install()
    waits.install()
    hot_spots.install()
    idle_environments.install()
    # What has been imported stays; and documents, most of what is allocated, have no cycles.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.argv = sys.argv[:1]
    app.main()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--wait-scale", type=float, default=0.01)
    parser.add_argument("--tied-to", type=int, help="the end of a pipe: end when no process holds the other one")
    parser.add_argument("--without", type=registry.patch_name, action="append", default=[], help=registry.WITHOUT_HELP)
    return parser.parse_args()


def _hold(layout: Layout, port: int) -> None:
    """Lock the directory for the life of this process: the lock, not the process number, says that it runs."""
    lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(f"a sandbox already runs in {layout.root}") from None
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps({"pid": os.getpid(), "port": port}).encode())


def _set_environment(layout: Layout, port: int, wait_scale: float) -> None:
    for name in FOREIGN_SETTINGS:
        os.environ.pop(name, None)
    certificates.issue(layout)
    endpoint = f"https://127.0.0.1:{port}"
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        USE_SSL="1",
        MINISTACK_SSL_CERT=str(layout.certificate),
        MINISTACK_SSL_KEY=str(layout.private_key),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        SFN_WAIT_SCALE=str(wait_scale),
        TMPDIR=str(layout.temporary),
        # The children (Lambda, hosting) inherit these.
        AWS_ENDPOINT_URL=endpoint,
        AWS_ENDPOINT_URL_S3=endpoint,
        AWS_CA_BUNDLE=str(layout.ca_bundle),
        SANDBOX_LOGS=str(layout.logs),
    )


if __name__ == "__main__":
    main()
