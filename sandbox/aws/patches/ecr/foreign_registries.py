"""A repository of another account (`registryId`) exists for its callers, and its policy decides.

MiniStack looks for every repository in the caller's own account. AWS's own accounts have the images that it offers
(sandbox/aws/sagemaker/models/prebuilt_images.py): any account may pull them, and none those of SageMaker's algorithms.
"""

import functools
import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import ecr

from sandbox.aws.patches.s3 import s3_requests
from sandbox.aws.sagemaker.models import prebuilt_images

_PUBLIC_PULL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            }
        ],
    }
)


def apply() -> None:
    _resolve_registry()
    _name_the_registry()
    _apply_repository_policies()
    _name_missing_policy()
    _offer_prebuilt_images()


def _resolve_registry() -> None:
    answer = ecr.handle_request

    @functools.wraps(answer)
    async def answer_in_registry(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        registry = iam_actions._safe_json_field(body, "registryId") or get_account_id()
        if registry == get_account_id():
            return await answer(method, path, headers, body, query)
        if refusal := _root_refused(registry, headers, body, query):
            return refusal
        with request_scope(registry, get_region()):
            return await answer(method, path, headers, body, query)

    ecr.handle_request = answer_in_registry


def _root_refused(registry: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
    """The refusal of another account's root: MiniStack lets a root do everything, and IAM is asked before."""
    principal = iam_evaluator.resolve_principal(extract_access_key_id(headers, query), get_account_id())
    resource = iam_actions.extract_resource_arn("ecr", "POST", "/", headers, body, query, get_region(), registry)
    policy = ecr.repository_policy_for_arn(resource)
    if principal.policies is not None or policy is None:
        return None
    action = f"ecr:{headers.get('x-amz-target', '').rpartition('.')[2]}"
    request_context = s3_requests.context(principal, action, resource, get_region())
    if iam_evaluator.evaluate_resource_policy(policy[0], request_context).decision == "Allow":
        return None
    return iam_actions.access_denied_response(
        "ecr", action, principal.arn, new_uuid(), headers=headers, resource_arn=resource
    )


def _name_the_registry() -> None:
    extract = iam_actions.extract_resource_arn

    @functools.wraps(extract)
    def extract_with_registry(service: str, *request: Any) -> Any:
        *others, account = request
        body = others[3]
        registry = iam_actions._safe_json_field(body, "registryId") if service == "ecr" else ""
        return extract(service, *others, registry or account)

    iam_actions.extract_resource_arn = extract_with_registry


def _apply_repository_policies() -> None:
    def policy_for_arn(arn: str) -> tuple[str, str] | None:
        _, _, _, region, account, resource = arn.split(":", 5)
        name = resource.removeprefix("repository/")
        if prebuilt_images.is_algorithm(account, name):
            return "", account
        if account in prebuilt_images.ACCOUNTS:
            return (_PUBLIC_PULL, account) if name in prebuilt_images.TAGS else None
        if not ecr._repositories.contains_scoped(account, region, name):
            return None
        return ecr._repo_policies.get_scoped(account, region, name) or "", account

    ecr.repository_policy_for_arn = policy_for_arn


def _name_missing_policy() -> None:
    deny = iam_actions.access_denied_response

    @functools.wraps(deny)
    def deny_with_reason(service: str, action: str, principal_arn: str, request_id: str, **named: Any) -> Any:
        resource = named.get("resource_arn", "*")
        implicit = not (named.get("explicit_deny") or named.get("error_code") or named.get("message"))
        if service == "ecr" and implicit:
            kind = (
                "resource" if _lacks_only_the_repositorys(action, resource, named.get("headers") or {}) else "identity"
            )
            named["message"] = (
                f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} because no "
                f"{kind}-based policy allows the {action} action"
            )
        return deny(service, action, principal_arn, request_id, **named)

    iam_actions.access_denied_response = deny_with_reason


def _lacks_only_the_repositorys(action: str, resource: str, headers: dict[str, str]) -> bool:
    principal = iam_evaluator.resolve_principal(extract_access_key_id(headers, {}), get_account_id())
    if f":{principal.account}:" in resource or not resource.startswith("arn:"):
        return False
    if principal.policies is None:
        return True
    request_context = s3_requests.context(principal, action, resource, get_region())
    return bool(iam_evaluator.evaluate(request_context, principal.policies, *principal.limits).decision == "Allow")


def _offer_prebuilt_images() -> None:
    get = ecr._batch_get_image

    @functools.wraps(get)
    def get_prebuilt(request: dict[str, Any]) -> Any:
        repository = request["repositoryName"]
        if get_account_id() not in prebuilt_images.ACCOUNTS or repository not in prebuilt_images.TAGS:
            return get(request)
        images, failures = [], []
        for wanted in request["imageIds"]:
            image = prebuilt_images.find(repository, tag=wanted.get("imageTag"), digest=wanted.get("imageDigest"))
            if image is None:
                reason = "Requested image not found"
                failures.append({"imageId": wanted, "failureCode": "ImageNotFound", "failureReason": reason})
                continue
            digest, manifest = image
            images.append(
                {
                    "registryId": get_account_id(),
                    "repositoryName": repository,
                    "imageId": {**wanted, "imageDigest": digest},
                    "imageManifest": manifest,
                    "imageManifestMediaType": prebuilt_images.MEDIA_TYPE,
                }
            )
        return json_response({"images": images, "failures": failures})

    ecr._batch_get_image = get_prebuilt
