"""Classify SageMaker's errors: nearly all are ValidationException, so the beginning of the message decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.error_codes import code_of, message_of

T = TypeVar("T")


def is_missing(error: ClientError) -> bool:
    """The named resource does not exist. (A missing permission is AccessDenied and never reaches this function.)"""
    if is_no_model_data(error):
        return False
    return (
        _starts_with(error, "Could not find")
        or code_of(error) == error_codes.SAGEMAKER_NO_SUCH_RESOURCE
        or (code_of(error) == error_codes.SAGEMAKER_VALIDATION and "does not exist" in message_of(error))
    )


def unless_missing(call: Callable[[], T]) -> T | None:
    """Return the response of a call, or None if SageMaker reports that the named resource does not exist."""
    try:
        return call()
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_existing(error: ClientError) -> bool:
    """The name is taken."""
    return _starts_with(error, "Cannot create already existing")


def is_in_progress(error: ClientError) -> bool:
    """The endpoint is being updated now."""
    return _starts_with(error, "Cannot update in-progress endpoint")


def is_config_in_use(error: ClientError) -> bool:
    """The endpoint has the configuration already (recordings: UpdateEndpoint, same-configuration)."""
    return _starts_with(error, "Cannot update endpoint with the currently in use endpoint configuration")


def is_missing_config(error: ClientError, config: str) -> bool:
    """The endpoint configuration with this name does not exist."""
    # Not one whose name only begins with this one, as those of a stage may begin with its first configuration's.
    named = re.search(rf"endpoint-config/{re.escape(config)}(?![a-z0-9-])", message_of(error), re.IGNORECASE)
    return is_missing(error) and named is not None


def is_scaled(error: ClientError) -> bool:
    """The call would change or remove a variant that is registered as a scalable target.

    AWS documents that the call fails, but neither the code nor the message (SageMaker, "Update endpoints that use auto
    scaling").
    """
    return names_scalable_target(message_of(error))


def names_scalable_target(message: str) -> bool:
    text = message.lower().replace(" ", "")
    return "scalabletarget" in text or "autoscaling" in text


def is_no_model_data(error: ClientError) -> bool:
    """The execution role cannot read the model data (or not yet: new permissions take seconds to propagate)."""
    return _starts_with(error, "Could not access model data") or _starts_with(error, "Could not find model data")


def is_quota(error: ClientError) -> bool:
    return code_of(error) == error_codes.SAGEMAKER_QUOTA_EXCEEDED


def _starts_with(error: ClientError, beginning: str) -> bool:
    return code_of(error) == error_codes.SAGEMAKER_VALIDATION and message_of(error).startswith(beginning)
