"""The operations of the control plane that the sandbox has, by the API's names."""

from collections.abc import Callable

from sandbox.aws.sagemaker.api import tags
from sandbox.aws.sagemaker.endpoints import endpoint_configs, endpoints
from sandbox.aws.sagemaker.models import models, registry
from sandbox.aws.sagemaker.state import Record

OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateModel": models.create_model,
    "DescribeModel": models.describe_model,
    "ListModels": models.list_models,
    "DeleteModel": models.delete_model,
    "CreateEndpointConfig": endpoint_configs.create_endpoint_config,
    "DescribeEndpointConfig": endpoint_configs.describe_endpoint_config,
    "ListEndpointConfigs": endpoint_configs.list_endpoint_configs,
    "DeleteEndpointConfig": endpoint_configs.delete_endpoint_config,
    "CreateEndpoint": endpoints.create_endpoint,
    "UpdateEndpoint": endpoints.update_endpoint,
    "UpdateEndpointWeightsAndCapacities": endpoints.update_endpoint_weights_and_capacities,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "ListEndpoints": endpoints.list_endpoints,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "CreateModelPackageGroup": registry.create_model_package_group,
    "DescribeModelPackageGroup": registry.describe_model_package_group,
    "ListModelPackageGroups": registry.list_model_package_groups,
    "DeleteModelPackageGroup": registry.delete_model_package_group,
    "CreateModelPackage": registry.create_model_package,
    "DescribeModelPackage": registry.describe_model_package,
    "ListModelPackages": registry.list_model_packages,
    "UpdateModelPackage": registry.update_model_package,
    "DeleteModelPackage": registry.delete_model_package,
    "AddTags": tags.add_tags,
    "ListTags": tags.list_tags,
    "DeleteTags": tags.delete_tags,
}

# What a request is about, for faults that name a resource.
_SUBJECTS = (
    "EndpointName",
    "EndpointConfigName",
    "ModelName",
    "ModelPackageName",
    "ModelPackageArn",
    "ModelPackageGroupName",
    "ResourceArn",
)


def subject(parameters: Record) -> str:
    """The name of the resource that a request is about."""
    named = [parameters[field] for field in _SUBJECTS if isinstance(parameters.get(field), str)]
    return str(named[0]) if named else ""
