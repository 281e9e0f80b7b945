"""Content-addressed names: each desired resource in the target is named by its content.

So a repeated promotion finds its resources, a changed instance type is another resource, and names do not collide.
Pure: no AWS calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from lambdas.promotion.artifacts.inventory import Inventory
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import Artifacts, DesiredResource, Execution, Request, SourceModel
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition

_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
_NOT_IN_TAGS = re.compile(r"[^\w .:/=+@-]")  # API: TagValue


class Parts(TypedDict):
    """The fields of a Promotion that follow from the model's definition and inventory."""

    digest: str
    artifacts: Artifacts
    desired_model: DesiredResource
    desired_config: DesiredResource
    tags: dict[str, str]


def desired_resources(
    adapted: Definition,
    inventory: Inventory,
    source_tags: Mapping[str, str],
    *,
    request: Request,
    stage: Stage,
    target: Environment,
    model: SourceModel,
    by: Execution,
) -> Parts:
    """Return what the promotion creates: the model, the endpoint configuration and their tags."""
    role = target.role_arn(Role.EXECUTION)
    digest = definition.digest(adapted, inventory.contents, execution_role_arn=role)
    created_at = model.created_at
    # The name's readable parts are shortened: their full values are in its digest. So are the S3 URIs of the copies,
    # because the model refers to them.
    identity = [
        request.application,
        stage.name,
        created_at.isoformat(),
        digest,
        # In one order: theirs is that of the variables in a response.
        sorted(set(inventory.target_uris.values())),
    ]
    model_name = resource_name(request.application, stage.name, created_at, hex_digest(identity))
    config = config_request(stage, model_name=model_name)
    config_name = resource_name(request.application, stage.name, created_at, hex_digest(config))
    return Parts(
        digest=digest,
        artifacts=Artifacts(
            objects=len(inventory.artifacts), bytes=sum(artifact.source.size for artifact in inventory.artifacts)
        ),
        desired_model=DesiredResource(
            name=model_name,
            request=definition.create_model_request(
                adapted, inventory.target_uris, name=model_name, execution_role_arn=role
            ),
        ),
        desired_config=DesiredResource(name=config_name, request={"EndpointConfigName": config_name, **config}),
        tags=require_tags(
            {
                **source_tags,
                **provenance(request=request, stage=stage, model=model, digest=digest, by=by),
            },
            subject=model.arn,
        ),
    )


def config_request(stage: Stage, *, model_name: str) -> dict[str, Any]:
    """Return the CreateEndpointConfig request without its name: every variant, also a shadow one, has the model.

    The deployment strategy is not part of it: another rollout of the same configuration changes nothing.
    """
    variants = {
        kind: [{**variant, "ModelName": model_name} for variant in stage.endpoint_config[kind]]
        for kind in _VARIANTS
        if kind in stage.endpoint_config
    }
    return {**stage.endpoint_config, **variants}


def provenance(*, request: Request, stage: Stage, model: SourceModel, digest: str, by: Execution) -> dict[str, str]:
    """Return the tags with the origin of a resource. They replace those of an earlier stage."""
    tags = {
        "application": request.application,
        "stage": stage.name,
        "source-model": model.arn,
        "execution": by.arn,
        "digest": digest,
        "made-at": model.made_at.isoformat(),
    }
    if model.package:
        tags["model-package"] = model.package
    # An execution's name may have characters that a tag's value may not.
    return {f"{resource_names.TAG_PREFIX}{name}": _NOT_IN_TAGS.sub("-", value) for name, value in tags.items()}


_MOST_TAGS = 50


def require_tags(tags: Mapping[str, str], *, subject: str) -> dict[str, str]:
    """SageMaker allows 50 tags; none is removed to make room for the tags with a model's origin."""
    if len(tags) > _MOST_TAGS:
        raise UnsupportedModel(
            f"{subject} would have {len(tags)} tags with those that Promote adds; SageMaker allows {_MOST_TAGS}. "
            "Remove some tags of the source model."
        )
    return dict(tags)


def resource_name(application: str, stage: str, created_at: datetime, digest: str) -> str:
    """Return a content-addressed name: readable, unique to its content, within SageMaker's 63 characters."""
    beginning = resource_names.resource_name_prefix(application, stage)
    return f"{beginning}{created_at.astimezone(UTC):%Y%m%d%H%M%S}-{digest[:12]}"
