"""What `python -m sandbox up` leaves in the accounts: dev's own bucket and role, and the demo model, registered."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import data_scientist
from sandbox.control import Sandbox

MODEL = "text-classifier-demo"


def seed_before_deploy(sandbox: Sandbox) -> None:
    """Make what dev had before Promote came."""
    data_scientist.prepare_account(sandbox)


def seed_after_deploy(sandbox: Sandbox) -> Mapping[str, str]:
    """Train and register the demo model; return the names that the environment file adds."""
    uploaded = data_scientist.upload(sandbox, data_scientist.train())
    model_package_arn = data_scientist.register(sandbox, uploaded)
    data_scientist.create_model(sandbox, MODEL, uploaded)
    return {"PROMOTE_DEMO_MODEL_NAME": MODEL, "PROMOTE_DEMO_MODEL_PACKAGE_ARN": model_package_arn}
