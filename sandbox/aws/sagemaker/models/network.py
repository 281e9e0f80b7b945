"""VpcConfig: what an execution role must be allowed to do so that a model's containers can join a VPC.

AWS lists the permissions (How to use SageMaker execution roles, CreateModel API) and does not say when it checks them.
Assumed here: CreateModel asks, and every deployment again. Subnets and security groups need not exist.
"""

from collections.abc import Iterator

from sandbox.aws.sagemaker.api import permissions
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.api.roles import Credentials
from sandbox.aws.sagemaker.state import Record

ON_INTERFACES = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")
ON_EVERYTHING = (
    "DescribeNetworkInterfaces",
    "DescribeVpcs",
    "DescribeDhcpOptions",
    "DescribeSubnets",
    "DescribeSecurityGroups",
)


def require_interfaces(vpc: Record, credentials: Credentials, role_arn: str) -> None:
    """Raise a refusal that names what the role may not do."""
    lacking = [
        action
        for action, resources in _required_actions(vpc, credentials)
        if not permissions.allows(credentials, action, *resources)
    ]
    if lacking:
        raise Invalid(
            f'The role "{role_arn}" does not have the permissions that VpcConfig needs: {", ".join(lacking)}. '
            "Add them to the role."
        )


def _required_actions(vpc: Record, credentials: Credentials) -> Iterator[tuple[str, tuple[str, ...]]]:
    def arn(resource: str) -> str:
        return f"arn:aws:ec2:{credentials.region}:{credentials.account}:{resource}"

    interface = arn("network-interface/eni-00000000000000000")  # not made yet: any one of them
    subnets = [arn(f"subnet/{name}") for name in vpc["Subnets"]]
    groups = [arn(f"security-group/{name}") for name in vpc["SecurityGroupIds"]]
    yield "ec2:CreateNetworkInterface", (interface, *subnets, *groups)
    yield from ((f"ec2:{action}", (interface,)) for action in ON_INTERFACES)
    yield from ((f"ec2:{action}", ("*",)) for action in ON_EVERYTHING)
