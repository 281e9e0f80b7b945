"""promotion.yaml as YAML: what PyYAML keeps silent about, or ends in a bare error for, is a mistake with its line."""

from __future__ import annotations

from typing import Any

import yaml

# Python writes whole numbers of up to 4,300 digits (Python: sys.set_int_max_str_digits).
_MOST_BITS = 4300


class Loader(yaml.SafeLoader):
    """A SafeLoader in which no mapping has a key twice, and what is no date, number or truth value is text.

    `endpoint: 2026-02-31` looks like a date to YAML, and there is none: as text, it is checked like any other value.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep=deep)
        try:
            value = super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError):
            self.recursive_objects.pop(node, None)
            return node.value
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return node.value
        if isinstance(value, str) and not _is_unicode(value):
            raise yaml.constructor.ConstructorError(
                None, None, "the text has half of a surrogate pair, which is no character", node.start_mark
            )
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep)


def read(text: str) -> object:
    """Return what the text says. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=Loader)  # noqa: S506 - a SafeLoader


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
