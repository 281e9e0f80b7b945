"""Identity policies decide, resource by resource."""

from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.sandbox.aws.sagemaker.builders import IMAGE, Workshop, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, REGION, Server


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def allow(action: str, *resources: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources) or ["*"]} | more


def test_a_right_on_one_endpoint_is_none_on_another(workshop: Workshop) -> None:
    caller = workshop.caller(allow("sagemaker:DescribeEndpoint", arn("endpoint", "mine")))
    with refused("ValidationException", "Could not find endpoint"):
        caller.describe_endpoint(EndpointName="mine")
    with refused("AccessDeniedException", "is not authorized to perform: sagemaker:DescribeEndpoint on resource: arn:"):
        caller.describe_endpoint(EndpointName="theirs")


def test_a_denial_names_caller_action_and_resource(workshop: Workshop) -> None:
    with refused(
        "AccessDeniedException",
        f"/test is not authorized to perform: sagemaker:DescribeModel on resource: {arn('model', 'any')} "
        "because no identity-based policy allows the sagemaker:DescribeModel action",
    ):
        workshop.caller().describe_model(ModelName="any")


def test_iam_sees_the_lower_cased_name(workshop: Workshop) -> None:
    caller = workshop.caller(allow("sagemaker:DescribeEndpoint", arn("endpoint", "mixed")))
    with refused("ValidationException", "Could not find endpoint"):
        caller.describe_endpoint(EndpointName="MiXed")


def test_an_explicit_deny_wins(workshop: Workshop) -> None:
    denial = {"Effect": "Deny", "Action": "sagemaker:DescribeModel", "Resource": arn("model", "secret")}
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        workshop.caller(allow("sagemaker:*"), denial).describe_model(ModelName="secret")


@pytest.mark.parametrize("call", ["create_endpoint", "update_endpoint"])
def test_an_endpoint_needs_rights_on_its_configuration_too(workshop: Workshop, call: str) -> None:
    on_endpoints = allow("sagemaker:*Endpoint", arn("endpoint", "*"))
    with refused("AccessDeniedException", f"on resource: {arn('endpoint-config', 'any')}"):
        getattr(workshop.caller(on_endpoints), call)(EndpointName="any", EndpointConfigName="any")
    on_both = allow("sagemaker:*Endpoint", arn("endpoint", "*"), arn("endpoint-config", "*"))
    with refused("ValidationException", "Could not find"):
        getattr(workshop.caller(on_both), call)(EndpointName="any", EndpointConfigName="any")


def test_a_session_policy_narrows_the_role(workshop: Workshop, server: Server) -> None:
    role = workshop.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, allow("sagemaker:*"))
    policy = {"Version": "2012-10-17", "Statement": [allow("sagemaker:DescribeModel", arn("model", "mine"))]}
    caller = server.client("sagemaker", credentials=server.role_credentials(role, policy))
    with refused("ValidationException", "Could not find model"):
        caller.describe_model(ModelName="mine")
    with refused("AccessDeniedException", "because no session policy allows"):
        caller.describe_model(ModelName="theirs")


def test_creating_a_model_needs_the_right_to_pass_its_role(workshop: Workshop) -> None:
    request = {
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": workshop.data()},
        "ExecutionRoleArn": workshop.execution_role,
    }
    creating = allow("sagemaker:CreateModel")
    with refused("AccessDeniedException", f"iam:PassRole on resource: {workshop.execution_role}"):
        workshop.caller(creating).create_model(ModelName=unique("model"), **request)
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    passing_elsewhere = allow("iam:PassRole", workshop.execution_role, Condition=to_lambda)
    with refused("AccessDeniedException", "iam:PassRole"):
        workshop.caller(creating, passing_elsewhere).create_model(ModelName=unique("model"), **request)
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    passing = allow("iam:PassRole", workshop.execution_role, Condition=to_sagemaker)
    assert workshop.caller(creating, passing).create_model(ModelName=unique("model"), **request)["ModelArn"]


def test_tags_at_creation_need_the_right_to_tag(workshop: Workshop) -> None:
    group = unique("group")
    creating = allow("sagemaker:CreateModelPackageGroup", arn("model-package-group", "*"))
    request = {"ModelPackageGroupName": group, "Tags": [{"Key": "team", "Value": "text"}]}
    with refused("AccessDeniedException", f"sagemaker:AddTags on resource: {arn('model-package-group', group)}"):
        workshop.caller(creating).create_model_package_group(**request)
    for_text = {"StringEquals": {"aws:RequestTag/team": "text"}}
    tagging = allow("sagemaker:AddTags", arn("model-package-group", "*"), Condition=for_text)
    assert workshop.caller(creating, tagging).create_model_package_group(**request)


def test_a_resources_tags_can_decide(workshop: Workshop) -> None:
    mine, theirs = (workshop.model(Tags=[{"Key": "team", "Value": team}]) for team in ("text", "vision"))
    of_text = {"StringEquals": {"aws:ResourceTag/team": "text"}}
    caller = workshop.caller(allow("sagemaker:DescribeModel", Condition=of_text))
    assert caller.describe_model(ModelName=mine)["ModelName"] == mine
    with refused("AccessDeniedException", "sagemaker:DescribeModel"):
        caller.describe_model(ModelName=theirs)


def test_a_right_on_one_version_of_a_package_is_none_on_another(workshop: Workshop) -> None:
    caller = workshop.caller(allow("sagemaker:DescribeModelPackage", arn("model-package", "text/1")))
    with refused("ValidationException", "does not exist"):
        caller.describe_model_package(ModelPackageName=arn("model-package", "text/1"))
    with refused("AccessDeniedException", arn("model-package", "text/2")):
        caller.describe_model_package(ModelPackageName=arn("model-package", "text/2"))


def test_invoking_needs_its_own_right(workshop: Workshop, server: Server) -> None:
    endpoint = workshop.endpoint()
    trust = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    invoker = workshop.role(trust, allow("sagemaker:InvokeEndpoint", arn("endpoint", endpoint)))
    bystander = workshop.role(trust, allow("sagemaker:InvokeEndpoint", arn("endpoint", "another")))
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


def test_a_wrong_secret_is_refused(workshop: Workshop, server: Server) -> None:
    role = workshop.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, allow("sagemaker:*"))
    credentials = server.role_credentials(role) | {"aws_secret_access_key": "guessed"}
    with refused("InvalidSignatureException", ""):
        server.client("sagemaker", credentials=credentials).list_models()
