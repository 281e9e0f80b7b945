"""The program of one cold start, in a process of its own: python -I -S -c <this file's text> <order as JSON>.

The order: `packages`, the folder to import from; `handler`, the step, or None for the plain SDK; `in_account` and
`in_hub`, the step's clients. It prints the CPU in ms, user and system, from the start of the interpreter to the end of
the imports, and to the last client.
"""

import json
import sys
import time
from typing import Any


def main(order: dict[str, Any]) -> None:
    """Import, make the clients, and print both times as JSON."""
    sys.path.insert(0, order["packages"])
    times = plain() if order["handler"] is None else of_step(order)
    print(json.dumps([1000 * seconds for seconds in times]))


def plain() -> tuple[float, float]:
    """What a step would do at least that uses the SDK as it is."""
    import boto3  # noqa: PLC0415

    imported = time.process_time()
    boto3.client("sagemaker")
    return imported, time.process_time()


def of_step(order: dict[str, Any]) -> tuple[float, float]:
    import importlib  # noqa: PLC0415

    importlib.import_module(f"lambdas.handlers.{order['handler']}")
    imported = time.process_time()
    make_clients(order["in_account"], order["in_hub"])
    return imported, time.process_time()


def make_clients(in_account: list[str], in_hub: list[str]) -> None:
    import gc  # noqa: PLC0415

    from lambdas.promotion.aws import sessions  # noqa: PLC0415

    if not gc.isenabled():  # as the first event does (runtime/handler.py)
        gc.freeze()
        gc.enable()
    for service in in_hub:
        getattr(sessions, f"own_{service}")()
    if in_account:
        sessions._session.client("sts", config=sessions._CONFIG)
        account = sessions.RoleSession("the step's role", sessions._session_with(credentials()), "us-east-1")
        for service in in_account:
            getattr(account, service)


def credentials() -> Any:
    """Return what STS answers, without asking it."""
    from botocore.credentials import RefreshableCredentials  # noqa: PLC0415

    answer = {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": "2100-01-01T00:00:00Z"}
    return RefreshableCredentials.create_from_metadata(answer, refresh_using=lambda: answer, method="assume-role")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
