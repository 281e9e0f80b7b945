"""How much of promotion.yaml each promotion carries: its stage's settings go from state to state in its document."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lambdas.promotion.contract.document.serialization import to_json
from lambdas.promotion.contract.settings import Stage as StageSettings
from stacks.config import deploy_settings
from stacks.config.topology import Configuration

# A state holds 256 KiB (AWS: Step Functions quotas), of which the largest model and the cause of a failure take 163 KiB
# (tests/stacks/config/test_document_size.py).
MOST_BYTES = 64 * 1024
# What the settings call otherwise than the file.
_FIELDS = {"smoke_tests": "smoke_test", "deployment_config": "rollout", "endpoint_config": "variants"}


def violations(configuration: Configuration) -> Iterator[str]:
    """Yield the stages whose settings are larger, with the path of the largest part; malformed stages have no size."""
    for application_name, application in configuration.applications.items():
        for name, stage in application.stages.items():
            if not stage.variants or set(stage.autoscaling) - set(stage.variants_by_name()):
                continue
            source = configuration.environments.get(stage.source)
            sizes = sizes_of(deploy_settings.stage_of(name, stage, application, source.buckets if source else ()))
            if sum(sizes.values()) > MOST_BYTES:
                largest = max(sizes, key=lambda part: sizes[part])
                field = _FIELDS.get(largest, largest)
                path = f"applications.{application_name}.stages.{name}"
                yield (
                    f"{path}.{field}: the stage's settings have {sum(sizes.values())} bytes, of which these are "
                    f"{sizes[largest]}; each promotion carries them, and the limit is {MOST_BYTES} (AWS: Step "
                    "Functions quotas). Shorten them"
                )


def sizes_of(stage: StageSettings) -> dict[str, int]:
    """Return how many bytes each part of a stage's settings takes in the document, at the most."""
    sizes = {part: len(json.dumps(value)) for part, value in to_json(stage).items()}
    # It is also the request that creates the configuration (document: desired_config).
    return {**sizes, "endpoint_config": 2 * sizes["endpoint_config"]}
