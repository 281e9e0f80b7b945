"""What SageMaker Clarify takes beyond the types of its fields."""

from __future__ import annotations

from functools import cache

import botocore.session


def language(code: str) -> str:
    """Return a language's code. Raises ValueError if the API has no such language."""
    if code not in _languages():
        raise ValueError(f"must be a language that SageMaker Clarify supports, such as en, not {code!r}")
    return code


def with_text(types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types of features. Raises ValueError if none is text (API: ClarifyInferenceConfig, FeatureTypes)."""
    if types and "text" not in types:
        raise ValueError("must have at least one text (API: ClarifyInferenceConfig)")
    return types


@cache
def _languages() -> frozenset[str]:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("ClarifyTextLanguage")
    return frozenset(shape.metadata["enum"])
