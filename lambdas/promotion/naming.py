"""Content-addressed names: what is wanted in the target, called by what it consists of.

So the same promotion again finds everything there, a changed instance type is a change, and nothing collides.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from lambdas.promotion import definition, names, rules
from lambdas.promotion.definition import Definition, hex_digest
from lambdas.promotion.document import Artifact, Execution, Request, S3Object, SourceModel, Wanted
from lambdas.promotion.names import Duty
from lambdas.promotion.settings import Environment, Stage

_NOT_IN_TAGS = re.compile(r"[^\w\s.:/=+@-]")  # API: TagValue
# Bytes of an object's own name that are kept, the last ones: a key has 1,024 (AWS: S3 object keys).
_LONGEST_BASENAME = 255


class Parts(TypedDict):
    """The members of a Promotion that follow from what was found."""

    digest: str
    artifacts: tuple[Artifact, ...]
    wanted_model: Wanted
    wanted_config: Wanted
    tags: dict[str, str]


def wanted(
    found: Definition,
    objects: Mapping[str, S3Object],
    source_tags: Mapping[str, str],
    *,
    request: Request,
    stage: Stage,
    target: Environment,
    model: SourceModel,
    by: Execution,
) -> Parts:
    """Return the artifacts with their new addresses, the model, the configuration and their tags."""
    role = target.role_arn(Duty.EXECUTION)
    digest = definition.digest(found, objects, execution_role_arn=role)
    artifacts = {
        uri: Artifact(
            source=found_object,
            bucket=target.artifact_bucket,
            key=artifact_key(found_object, application=request.application, stage=stage.name),
        )
        for uri, found_object in objects.items()
    }
    created_at = model.created_at
    # The name's readable parts are cut: what they stand for, to the last digit, is in its digest. So is where the
    # artifacts come to lie, because the model that has the name refers to that.
    identity = [
        request.application,
        stage.name,
        created_at.isoformat(),
        digest,
        [one.key for one in artifacts.values()],
    ]
    model_name = rules.resource_name(request.application, stage.name, created_at, hex_digest(identity))
    config = config_request(stage, model_name=model_name)
    config_name = rules.resource_name(request.application, stage.name, created_at, hex_digest(config))
    return Parts(
        digest=digest,
        artifacts=tuple(artifacts.values()),
        wanted_model=Wanted(
            name=model_name,
            request=definition.create_model_request(found, artifacts, name=model_name, execution_role_arn=role),
        ),
        wanted_config=Wanted(name=config_name, request={"EndpointConfigName": config_name, **config}),
        tags=rules.require_tags(
            {
                **source_tags,
                **provenance(request=request, stage=stage, model=model, digest=digest, by=by),
            },
            where=model.arn,
        ),
    )


def artifact_key(found: S3Object, *, application: str, stage: str) -> str:
    """Return the key in the target: the stage's prefix, a digest of which object this is, its own name.

    The digest covers address, version, ETag, size and checksum: another content never comes to the same key.
    """
    identity = [found.bucket, found.key, found.version_id, found.etag, found.size, found.checksum]
    name = found.key.rpartition("/")[2].encode()[-_LONGEST_BASENAME:].decode(errors="ignore")
    return f"{names.stage_prefix(application, stage)}{hex_digest(identity)[:32]}/{name}"


def config_request(stage: Stage, *, model_name: str) -> dict[str, Any]:
    """Return the CreateEndpointConfig request without its name."""
    return {"ProductionVariants": [{**variant, "ModelName": model_name} for variant in stage.production_variants]}


def provenance(*, request: Request, stage: Stage, model: SourceModel, digest: str, by: Execution) -> dict[str, str]:
    """Return the tags that tell where a resource came from. They replace those of an earlier stage."""
    tags = {
        "application": request.application,
        "stage": stage.name,
        "source-model": model.arn,
        "execution": by.arn,
        "digest": digest,
    }
    if model.model_package_arn:
        tags["model-package"] = model.model_package_arn
    # An execution's name may have characters that a tag's value may not.
    return {f"{names.TAG_PREFIX}{name}": _NOT_IN_TAGS.sub("-", value) for name, value in tags.items()}
