"""What a stage maps, and the model does not have: an entry that was meant for it, and is misspelled. Pure.

An application's models may differ, so this stops nothing: the plan of a dry run and the result list it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.images import references
from lambdas.promotion.model.definition import Definition


def of(definition: Definition, stage: Stage) -> tuple[str, ...]:
    """Return the option and the key of each entry that changes nothing, such as `images: registry.example.com/a`.

    `definition` is the source's, before its adaptation.
    """
    images = [container["Image"] for container in definition.containers]
    variables = {name for container in definition.containers for name in container.get("Environment", {})}
    texts = list(_texts(definition.containers))
    unused = {
        "images": references.unused_mappings(images, stage),
        "arns": [arn for arn in stage.arns if not any(arn in text for text in texts)],
        "variables.replace": [name for name in stage.variables.replace if name not in variables],
        "variables.drop": [name for name in stage.variables.drop if name not in variables],
        "variables.keep": [name for name in stage.variables.keep if name not in variables],
    }
    return tuple(f"{option}: {key}" for option, keys in unused.items() for key in keys)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for below in value.values() for text in _texts(below))
    elif isinstance(value, list | tuple):
        yield from (text for below in value for text in _texts(below))
