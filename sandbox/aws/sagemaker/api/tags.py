"""Tags of models, endpoints, configurations and package groups."""

from ministack.core.responses import get_account_id

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import paging
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.state import Record

MAX_TAGS = 50


def put(arn: str, tags: list[Record]) -> None:
    """Tag a resource that is being created."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) < len(keys):
        raise Invalid("Duplicate tag keys found. Please note that Tag keys are case sensitive.")
    reserved = [key for key in keys if key.lower().startswith("aws:")]
    if reserved:
        raise Invalid(f"Tag keys starting with 'aws:' are reserved for system use: {', '.join(reserved)}")
    with state.LOCK:
        merged = {**state.tags.get(arn.lower(), {}), **{tag["Key"]: tag["Value"] for tag in tags}}
        if len(merged) > MAX_TAGS:
            raise Invalid(f"Number of tags on {arn} exceeds {MAX_TAGS}")
        state.tags[arn.lower()] = merged


def drop(arn: str) -> None:
    """Forget the tags of a resource that is gone."""
    state.tags.pop(arn.lower(), None)


def add_tags(request: Record) -> Record:
    _require_resource(request["ResourceArn"])
    put(request["ResourceArn"], request["Tags"])
    return {"Tags": _listed(request["ResourceArn"])}


def list_tags(request: Record) -> Record:
    _require_resource(request["ResourceArn"])
    return paging.page(_listed(request["ResourceArn"]), request, "Tags", size=MAX_TAGS)


def delete_tags(request: Record) -> Record:
    _require_resource(request["ResourceArn"])
    with state.LOCK:
        kept = state.tags.get(request["ResourceArn"].lower(), {})
        state.tags[request["ResourceArn"].lower()] = {
            key: value for key, value in kept.items() if key not in request["TagKeys"]
        }
    return {}


def _listed(arn: str) -> list[Record]:
    return [{"Key": key, "Value": value} for key, value in sorted(state.tags.get(arn.lower(), {}).items())]


def _require_resource(arn: str) -> None:
    if f":{get_account_id()}:" not in arn or not _exists(arn):
        raise Invalid(f"Could not find resource {arn}")


def _exists(arn: str) -> bool:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "endpoint":
        return name.lower() in state.endpoints
    if kind == "model-package-group":
        return name in state.package_groups
    if kind == "model-package":
        return arn in state.packages
    store, field = {
        "model": (state.models, "ModelArn"),
        "endpoint-config": (state.endpoint_configs, "EndpointConfigArn"),
    }.get(kind, ({}, ""))
    return any(record[field].lower() == arn.lower() for record in store.values())
