"""Where in promotion.yaml a mistake is: its line, from the path with which the mistake begins."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

_ENDS_A_NAME = (".", ":", ",")


def with_line(mistake: str, file: yaml.Node | None) -> str:
    """Return the mistake with the line of the last part of its path that the file has; as it is if it has none."""
    line = None
    node, rest = file, mistake
    while node is not None:
        matching = [
            part for part in _parts(node) if rest.startswith(part[0]) and rest[len(part[0]) :][:1] in _ENDS_A_NAME
        ]
        # Of two names of which one continues the other, the path has the longer one: names may contain dots.
        name, mark, node = max(matching, key=lambda part: len(part[0]), default=("", None, None))
        line, rest = (mark.line + 1 if mark else line), rest[len(name) + 1 :]
    return f"line {line}: {mistake}" if line else mistake


def _parts(node: yaml.Node) -> Iterator[tuple[str, yaml.Mark, yaml.Node]]:
    """Yield each field of a mapping, or item of a list: what paths call it, where it begins, and its value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, key.start_mark, value
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield str(number), item.start_mark, item
