"""What a file says, with the position of each value: anchors, defaults and included files leave it where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Position:
    """A line of a file; the first is 1. The number is that of the file among all that are read."""

    number: int
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def order(self) -> tuple[int, int]:
        return self.number, self.line


@dataclass(frozen=True)
class Scalar:
    """A text, number, truth value, date or nothing; `text` is how it is written."""

    value: Any
    text: str


# A position, if there is one, and the sentence.
Mistake = tuple[Position | None, str]
Content = Scalar | Mapping[str, "Node"] | Sequence["Node"]


@dataclass(frozen=True)
class Node:
    """A value where it is used: its position is that of its name, or of the list's item. Anchors share contents."""

    position: Position | None
    content: Content

    @property
    def fields(self) -> Mapping[str, Node]:
        """The fields of a mapping; nothing else has any."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def parts(self) -> Iterator[tuple[str, Node]]:
        """The fields of a mapping or the items of a list, each with its part of a path."""
        if isinstance(self.content, Mapping):
            yield from self.content.items()
        elif isinstance(self.content, Sequence):
            yield from ((str(number), item) for number, item in enumerate(self.content))

    def at(self, location: Sequence[int | str]) -> Node | None:
        """Return the part at a path, if there is one."""
        node: Node | None = self
        for name in location:
            node = dict(node.parts).get(str(name)) if node else None
        return node


def plain(node: Node) -> Any:
    """Return the value alone, as mappings, lists and scalars."""
    if isinstance(node.content, Scalar):
        return node.content.value
    if isinstance(node.content, Mapping):
        return {name: plain(field) for name, field in node.content.items()}
    return [plain(item) for item in node.content]


def from_plain(value: Any) -> Node:
    """Return a value that was written in no file."""
    if isinstance(value, Mapping):
        return Node(None, {str(name): from_plain(field) for name, field in value.items()})
    if isinstance(value, list | tuple):
        return Node(None, [from_plain(item) for item in value])
    return Node(None, Scalar(value, str(value)))


_ENDS_A_NAME = (".", ":", ",")


def position_of(mistake: str, root: Node) -> tuple[Position | None, str]:
    """Return the position of the last part of a mistake's path that the file has, and what of the mistake follows."""
    position, node, rest = root.position, root, mistake
    while True:
        matching = [
            (name, part) for name, part in node.parts if rest.startswith(name) and rest[len(name) :][:1] in _ENDS_A_NAME
        ]
        if not matching:
            return position, rest
        # Of two names of which one continues the other, the path has the longer one: names may contain dots.
        name, node = max(matching, key=lambda part: len(part[0]))
        position, rest = node.position or position, rest[len(name) + 1 :]


def positioned(mistakes: Sequence[str], root: Node) -> list[Mistake]:
    """Return the mistakes, which begin with their paths, with their positions; what one value violates in several
    places is one mistake.

    A value that is used several times, by an anchor or as a default, violates the same everywhere.
    """
    paths: dict[tuple[Position, str], list[str]] = {}
    elsewhere: list[Mistake] = []
    for mistake in dict.fromkeys(mistakes):
        position, sentence = position_of(mistake, root)
        if position:
            paths.setdefault((position, sentence), []).append(mistake.removesuffix(sentence))
        else:
            elsewhere.append((None, mistake))
    return [*((position, _line(of_one, sentence)) for (position, sentence), of_one in paths.items()), *elsewhere]


def listed(mistakes: Sequence[Mistake]) -> list[str]:
    """Return the mistakes as text, in the order of the files and their lines."""
    in_order = sorted(mistakes, key=lambda mistake: mistake[0].order if mistake[0] else (0, 0))
    return [f"{position}: {sentence}" if position else sentence for position, sentence in in_order]


def _line(paths: Sequence[str], sentence: str) -> str:
    path, *others = paths
    if not others:
        return path + sentence
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"{path}{sentence} (also {others[0].rstrip('.:')}{more})"
