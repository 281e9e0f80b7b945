"""Identity policies decide, resource by resource."""

from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.sandbox.aws.sagemaker.builders import IMAGE, SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, REGION, Server


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def allow(action: str, *resources: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources) or ["*"]} | more


def test_a_permission_on_one_endpoint_does_not_apply_to_another(builder: SageMakerBuilder) -> None:
    caller = builder.caller(allow("sagemaker:DescribeEndpoint", arn("endpoint", "mine")))
    with refused("ValidationException", "Could not find endpoint"):
        caller.describe_endpoint(EndpointName="mine")
    with refused("AccessDeniedException", "is not authorized to perform: sagemaker:DescribeEndpoint on resource: arn:"):
        caller.describe_endpoint(EndpointName="theirs")


def test_a_denial_names_caller_action_and_resource(builder: SageMakerBuilder) -> None:
    with refused(
        "AccessDeniedException",
        f"/test is not authorized to perform: sagemaker:DescribeModel on resource: {arn('model', 'any')} "
        "because no identity-based policy allows the sagemaker:DescribeModel action",
    ):
        builder.caller().describe_model(ModelName="any")


def test_iam_sees_the_lower_cased_name(builder: SageMakerBuilder) -> None:
    caller = builder.caller(allow("sagemaker:DescribeEndpoint", arn("endpoint", "mixed")))
    with refused("ValidationException", "Could not find endpoint"):
        caller.describe_endpoint(EndpointName="MiXed")


def test_an_explicit_deny_wins(builder: SageMakerBuilder) -> None:
    denial = {"Effect": "Deny", "Action": "sagemaker:DescribeModel", "Resource": arn("model", "secret")}
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        builder.caller(allow("sagemaker:*"), denial).describe_model(ModelName="secret")


@pytest.mark.parametrize("call", ["create_endpoint", "update_endpoint"])
def test_an_endpoint_requires_permissions_on_its_configuration_too(builder: SageMakerBuilder, call: str) -> None:
    on_endpoints = allow("sagemaker:*Endpoint", arn("endpoint", "*"))
    with refused("AccessDeniedException", f"on resource: {arn('endpoint-config', 'any')}"):
        getattr(builder.caller(on_endpoints), call)(EndpointName="any", EndpointConfigName="any")
    on_both = allow("sagemaker:*Endpoint", arn("endpoint", "*"), arn("endpoint-config", "*"))
    with refused("ValidationException", "Could not find"):
        getattr(builder.caller(on_both), call)(EndpointName="any", EndpointConfigName="any")


def test_a_session_policy_narrows_the_role(builder: SageMakerBuilder, server: Server) -> None:
    role = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, allow("sagemaker:*"))
    policy = {"Version": "2012-10-17", "Statement": [allow("sagemaker:DescribeModel", arn("model", "mine"))]}
    caller = server.client("sagemaker", credentials=server.role_credentials(role, policy))
    with refused("ValidationException", "Could not find model"):
        caller.describe_model(ModelName="mine")
    with refused("AccessDeniedException", "because no session policy allows"):
        caller.describe_model(ModelName="theirs")


def test_creating_a_model_requires_permission_to_pass_its_role(builder: SageMakerBuilder) -> None:
    request = {
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": builder.data()},
        "ExecutionRoleArn": builder.execution_role,
    }
    creating = allow("sagemaker:CreateModel")
    with refused("AccessDeniedException", f"iam:PassRole on resource: {builder.execution_role}"):
        builder.caller(creating).create_model(ModelName=unique("model"), **request)
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    passing_elsewhere = allow("iam:PassRole", builder.execution_role, Condition=to_lambda)
    with refused("AccessDeniedException", "iam:PassRole"):
        builder.caller(creating, passing_elsewhere).create_model(ModelName=unique("model"), **request)
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    passing = allow("iam:PassRole", builder.execution_role, Condition=to_sagemaker)
    assert builder.caller(creating, passing).create_model(ModelName=unique("model"), **request)["ModelArn"]


def test_tags_at_creation_require_permission_to_tag(builder: SageMakerBuilder) -> None:
    group = unique("group")
    creating = allow("sagemaker:CreateModelPackageGroup", arn("model-package-group", "*"))
    request = {"ModelPackageGroupName": group, "Tags": [{"Key": "team", "Value": "text"}]}
    with refused("AccessDeniedException", f"sagemaker:AddTags on resource: {arn('model-package-group', group)}"):
        builder.caller(creating).create_model_package_group(**request)
    for_text = {"StringEquals": {"aws:RequestTag/team": "text"}}
    tagging = allow("sagemaker:AddTags", arn("model-package-group", "*"), Condition=for_text)
    assert builder.caller(creating, tagging).create_model_package_group(**request)


def test_a_resources_tags_can_decide(builder: SageMakerBuilder) -> None:
    mine, theirs = (builder.model(Tags=[{"Key": "team", "Value": team}]) for team in ("text", "vision"))
    of_text = {"StringEquals": {"aws:ResourceTag/team": "text"}}
    caller = builder.caller(allow("sagemaker:DescribeModel", Condition=of_text))
    assert caller.describe_model(ModelName=mine)["ModelName"] == mine
    with refused("AccessDeniedException", "sagemaker:DescribeModel"):
        caller.describe_model(ModelName=theirs)


def test_a_permission_on_one_package_version_does_not_apply_to_another(builder: SageMakerBuilder) -> None:
    caller = builder.caller(allow("sagemaker:DescribeModelPackage", arn("model-package", "text/1")))
    with refused("ValidationException", "does not exist"):
        caller.describe_model_package(ModelPackageName=arn("model-package", "text/1"))
    with refused("AccessDeniedException", arn("model-package", "text/2")):
        caller.describe_model_package(ModelPackageName=arn("model-package", "text/2"))


def test_invoking_requires_its_own_permission(builder: SageMakerBuilder, server: Server) -> None:
    endpoint = builder.endpoint()
    trust = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    invoker = builder.role(trust, allow("sagemaker:InvokeEndpoint", arn("endpoint", endpoint)))
    bystander = builder.role(trust, allow("sagemaker:InvokeEndpoint", arn("endpoint", "another")))
    request = {"EndpointName": endpoint, "ContentType": "application/json", "Body": b"2"}
    client = server.client("sagemaker-runtime", credentials=server.role_credentials(invoker))
    assert client.invoke_endpoint(**request)["ContentType"] == "application/json"
    client = server.client("sagemaker-runtime", credentials=server.role_credentials(bystander))
    with refused("AccessDeniedException", f"sagemaker:InvokeEndpoint on resource: {arn('endpoint', endpoint)}"):
        client.invoke_endpoint(**request)


def test_a_request_without_credentials_is_refused(server: Server) -> None:
    anyone = boto3.client(
        "sagemaker",
        region_name=REGION,
        endpoint_url=server.url,
        verify=str(server.ca_bundle),
        config=Config(signature_version=UNSIGNED),
    )
    with refused("MissingAuthenticationTokenException", ""):
        anyone.list_models()


def test_a_wrong_secret_is_refused(builder: SageMakerBuilder, server: Server) -> None:
    role = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, allow("sagemaker:*"))
    credentials = server.role_credentials(role) | {"aws_secret_access_key": "guessed"}
    with refused("InvalidSignatureException", ""):
        server.client("sagemaker", credentials=credentials).list_models()
