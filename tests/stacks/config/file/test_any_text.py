"""Any text near to a valid file is accepted, or every line of its one error has a file, a line and a sentence.

The ordinary run takes the same few files each time; `pytest -m large` looks for more.
"""

from __future__ import annotations

import copy
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from tests.docs.test_configuration import COMPLETE, on_this_python
from tests.stacks.config.file.test_yaml_text import MERGED
from tests.stacks.config.file.texts import APPLICATIONS, HEAD

FEW, MANY = 25, 4000
MINIMAL = HEAD + APPLICATIONS
WHOLE = yaml.safe_dump(on_this_python(yaml.safe_load(COMPLETE.read_text())), sort_keys=False)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1h", "dev", "*"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=5,
)
# One mistake: a file, a line, a path where there is one, and a sentence.
MISTAKE = re.compile(r"  \S*promotion\.yaml:[1-9][0-9]*: \S.*\S", re.DOTALL)
SLOWEST_SECONDS = 5.0


def check(text: str | bytes) -> None:
    """Load a text. Raises AssertionError unless it ends soon, well or with the one error."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "promotion.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        start = time.process_time()
        try:
            load(file)
        except ConfigurationError as error:
            head, *mistakes = str(error).split(f"\n  {folder}")
            assert re.fullmatch(r"\S+ has [0-9]+ mistakes?:", head)
            assert mistakes
            assert all(MISTAKE.fullmatch(f"  {folder}{mistake}") for mistake in mistakes), str(error)
            assert "validation error" not in str(error)
        assert time.process_time() - start < SLOWEST_SECONDS


def parts_of(value: Any) -> list[tuple[Any, Any]]:
    """Return each part of a file as its mapping or list, and its name or number there."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, name) for name in names] + [part for name in names for part in parts_of(value[name])]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid file of which one to three parts are deleted, renamed, duplicated, swapped or something else."""
    file = yaml.safe_load(draw(st.sampled_from([MINIMAL, WHOLE])))
    for _ in range(draw(st.integers(1, 3))):
        parts = parts_of(file)
        if not parts:
            break
        whole, name = parts[draw(st.integers(0, len(parts) - 1))]
        other, other_name = parts[draw(st.integers(0, len(parts) - 1))]
        match draw(st.sampled_from(["delete", "rename", "duplicate", "swap", "change", "change"])):
            case "delete":
                del whole[name]
            case "rename" if isinstance(whole, dict):
                whole[draw(st.text(max_size=8) | st.sampled_from([*whole, "x"]))] = whole.pop(name)
            case "duplicate" if isinstance(other, list):
                other.append(copy.deepcopy(whole[name]))
            case "swap":
                first, second = copy.deepcopy((whole[name], other[other_name]))
                whole[name] = second
                other[other_name] = first
            case _:
                whole[name] = draw(ANYTHING)
    return yaml.safe_dump(file, sort_keys=False, allow_unicode=True)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid text in which some characters are others, or some lines are there twice or not at all."""
    text = draw(st.sampled_from([MINIMAL, HEAD + MERGED]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 20))
        signs = st.sampled_from(
            [*"&*!%@`|>{}[]#?:-,\"'\\<\t\n\0 \x85\ufeff", "<<: ", "*first", "&first ", "---\n", "!!", "~"]
        )
        text = text[:start] + draw(signs | st.text(max_size=3) | st.just(text[start:end] * 2)) + text[end:]
    return text.encode(errors=draw(st.sampled_from(["surrogatepass", "replace"])))


def examples(count: int) -> settings:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=count, derandomize=count == FEW, database=None, deadline=None, suppress_health_check=checks
    )


@examples(FEW)
@given(mutated())
def test_a_file_with_any_mistake_is_accepted_or_reported(text: str) -> None:
    check(text)


@examples(FEW)
@given(damaged())
def test_a_text_with_any_damage_is_accepted_or_reported(text: bytes) -> None:
    check(text)


@pytest.mark.large
@examples(MANY)
@given(mutated() | damaged())
def test_many_files_with_any_mistake_are_accepted_or_reported(text: str | bytes) -> None:
    check(text)
