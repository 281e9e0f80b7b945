"""What `python -m sandbox up` leaves in the accounts: the buckets that were there before, and the demo model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.aws.control import Sandbox
from sandbox.aws.sagemaker.models.prebuilt_images import SCIKIT_LEARN
from sandbox.demo import data_scientist

MODEL = "text-classifier-demo"


def seed_before_deploy(sandbox: Sandbox, buckets: Mapping[str, Sequence[str]]) -> None:
    """Create what the accounts have before Promote is deployed: the buckets that the configuration names."""
    for environment, names in buckets.items():
        if names:
            data_scientist.prepare_account(sandbox, environment, names)


def seed_after_deploy(sandbox: Sandbox, buckets: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """Train and register the demo model; return the names that the environment file adds.

    Another configuration may have no dev, no such bucket there, or a Region without the image: then there is no demo
    model.
    """
    dev = sandbox.locations.all.get("dev")
    if not dev or dev.region not in SCIKIT_LEARN or data_scientist.bucket(sandbox) not in buckets["dev"]:
        return {}
    uploaded = data_scientist.upload(sandbox, data_scientist.train())
    model_package_arn = data_scientist.register(sandbox, [uploaded.container])
    data_scientist.create_model(sandbox, MODEL, uploaded)
    return {"PROMOTE_DEMO_MODEL_NAME": MODEL, "PROMOTE_DEMO_MODEL_PACKAGE_ARN": model_package_arn}
