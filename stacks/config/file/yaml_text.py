"""A file as YAML: merge keys and aliases work, and what PyYAML keeps silent about is a mistake with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from stacks.config.file.nodes import Content, Mistake, Node, Position, Scalar

# Python writes whole numbers of up to 4,300 digits (Python: sys.set_int_max_str_digits).
_MOST_BITS = 4300
# A valid file has 12 levels; the parts of this module call themselves for each.
_DEEPEST = 50
# With every alias followed: a thousand applications of three stages have 150,000 values.
_MOST_VALUES = 1_000_000
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {
    yaml.ScalarNode: {"str", "int", "float", "bool", "null", "timestamp", "value", "merge"},
    yaml.SequenceNode: {"seq"},
    yaml.MappingNode: {"map"},
}
_KINDS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "timestamp": "a date"}


class Unreadable(Exception):
    """A file cannot be read, is not YAML, or is too large."""

    def __init__(self, position: Position, sentence: str) -> None:
        super().__init__(sentence)
        self.mistake: Mistake = (position, sentence)


class _Loader(yaml.SafeLoader):
    """A SafeLoader that refuses what is nested too deeply, before Python does."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            problem = f"it is nested more than {_DEEPEST} levels deep"
            raise yaml.composer.ComposerError(None, None, problem, self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def value_of(self, node: yaml.ScalarNode) -> Any:
        """Return the value; what is no date, number or truth value although it looks like one is text.

        `endpoint: 2026-02-31` looks like a date to YAML, and there is none: as text, it is checked as any other value.
        """
        try:
            value = self.construct_object(node)
        except (ValueError, KeyError, AttributeError, yaml.constructor.ConstructorError):
            self.recursive_objects.pop(node, None)
            return node.value
        is_long = isinstance(value, int) and value.bit_length() > _MOST_BITS
        return node.value if is_long else value


def read(text: str, *, file: str, number: int = 0) -> tuple[Node, list[Mistake]]:
    """Return what the text says, and its mistakes. Raises Unreadable."""
    loader = _Loader("")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = "a second document begins here, and a file is one: take it out, or include it as a file of its own"
        if "single document" not in str(error.context):
            problem = f"the file: is not YAML: {', '.join(filter(None, (error.context, error.problem)))}"
        raise Unreadable(Position(number, file, mark.line + 1 if mark else 1), problem) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"is not YAML: it does not allow the character #x{error.character:04x} ({error.reason})"
        raise Unreadable(Position(number, file, line), problem) from error
    except (ValueError, OverflowError) as error:  # such as "\UFFFFFFFF"
        raise Unreadable(Position(number, file, loader.get_mark().line + 1), f"is not YAML: {error}") from error
    if root is None:
        return Node(Position(number, file, 1), Scalar(None, "")), []
    reading = _Reading(loader, file, number)
    reading.measure(root)
    return reading.node(root, Position(number, file, 1)), reading.mistakes


class _Reading:
    def __init__(self, loader: _Loader, file: str, number: int) -> None:
        self.loader, self.file, self.number = loader, file, number
        self.mistakes: list[Mistake] = []
        self._sizes: dict[yaml.Node, tuple[int, int] | None] = {}
        self._contents: dict[yaml.Node, Content] = {}

    def measure(self, node: yaml.Node) -> tuple[int, int]:
        """Return how many values and levels a part has with its aliases followed. Raises Unreadable if too many."""
        if node in self._sizes:
            size = self._sizes[node]
            if size is None:
                raise Unreadable(self._at(node), "what the anchor here names contains itself; write it without")
            return size
        self._sizes[node] = None
        self._check_tag(node)
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
        parts = [self.measure(part) for part in _parts(node)]
        values, depth = 1 + sum(part[0] for part in parts), 1 + max((part[1] for part in parts), default=0)
        if values > _MOST_VALUES or depth > _DEEPEST:
            limit = f"{_MOST_VALUES} values" if values > _MOST_VALUES else f"{_DEEPEST} levels"
            raise Unreadable(self._at(node), f"with its aliases followed, this has more than {limit}; write less")
        self._sizes[node] = values, depth
        return values, depth

    def node(self, node: yaml.Node, position: Position) -> Node:
        if node not in self._contents:
            self._contents[node] = self._content(node)
        return Node(position, self._contents[node])

    def _check_tag(self, node: yaml.Node) -> None:
        tag = node.tag.removeprefix(_STANDARD)
        if not node.tag.startswith(_STANDARD) or tag not in _TAGS[type(node)]:
            written = f"!!{tag}" if node.tag.startswith(_STANDARD) else node.tag
            self._report(node, f"the tag {written} has no meaning here; leave it out")

    def _content(self, node: yaml.Node) -> Content:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.node(item, self._at(item)) for item in node.value]
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there is no other
        value = self.loader.value_of(node)
        if isinstance(value, str) and not _is_unicode(value):
            self._report(node, "the text has half of a surrogate pair, which is no character")
            value = value.encode(errors="replace").decode()
        return Scalar(value, node.value)

    def _mapping(self, node: yaml.MappingNode) -> Mapping[str, Node]:
        is_flat = False
        while not is_flat:
            try:
                self.loader.flatten_mapping(node)
                is_flat = True
            except yaml.constructor.ConstructorError as error:  # the merge key that it is about is gone
                mark = error.problem_mark
                line = mark.line + 1 if mark else 1
                sentence = "<< takes a mapping or a list of mappings, each as the alias of an anchor: *name"
                self.mistakes.append((Position(self.number, self.file, line), sentence))
        fields: dict[str, Node] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and _is_unicode(key.value):
                fields[key.value] = self.node(value, self._at(key))
        return fields

    def _check_keys(self, node: yaml.MappingNode) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, "a list or a mapping cannot be a name")
                continue
            tag = key.tag.removeprefix(_STANDARD)
            if tag in _KINDS:
                self._report(key, f"{key.value!r} is a name, and YAML reads it as {_KINDS[tag]}; put it in quotes")
            if key.value in lines:
                hint = "; write it once, with a list: [*a, *b]" if tag == "merge" else ""
                self._report(key, f"{key.value!r} is there twice, first in line {lines[key.value]}{hint}")
            lines.setdefault(key.value, key.start_mark.line + 1)

    def _at(self, node: yaml.Node) -> Position:
        return Position(self.number, self.file, node.start_mark.line + 1)

    def _report(self, node: yaml.Node, sentence: str) -> None:
        self.mistakes.append((self._at(node), sentence))


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
