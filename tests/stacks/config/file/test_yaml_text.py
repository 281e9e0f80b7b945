"""YAML's own reuse works, and what YAML permits and nobody means is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stacks.config.file.texts import APPLICATIONS, HEAD, loaded, report

MERGED = """\
x-anchors:
  first: &first { deadline: 20m, when_locked: refuse }
  second: &second { deadline: 30m, from: dev, endpoint: merged }
applications:
  reviews:
    model_package_group: reviews
    stages:
      qa:
        <<: [*first, *second]
        endpoint: own
        variants: [{ name: A, instance_type: ml.m5.large, initial_instance_count: 1 }]
"""


def test_a_merge_key_gives_what_the_mapping_has_not_and_the_first_of_a_list_comes_first(tmp_path: Path) -> None:
    stage = loaded(tmp_path, HEAD + MERGED).applications["reviews"].stages["qa"]
    assert (stage.endpoint, stage.deadline, stage.source, stage.when_locked) == ("own", "20m", "dev", "refuse")


def test_a_mistake_in_a_merged_value_has_the_line_where_it_is_written(tmp_path: Path) -> None:
    (mistake,) = report(tmp_path, HEAD + MERGED.replace("20m", "20"))
    assert mistake == (
        "promotion.yaml:6: applications.reviews.stages.qa.deadline: must be a duration such as 90s, 30m or 2h, not 20"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("x-a: { <<: 7 }", "<< takes a mapping or a list of mappings"),
        ("x-a: { <<: [7] }", "<< takes a mapping or a list of mappings"),
        ("x-a: { <<: {}, <<: {} }", "'<<' is there twice, first in line 13; write it once, with a list"),
        ("x-a: { <<: { b: 1, b: 2 } }", "'b' is there twice, first in line 13"),
        ("x-a: { b: 1, b: 2 }", "'b' is there twice, first in line 13"),
        ("x-a: { on: 1 }", "'on' is a name, and YAML reads it as true or false; put it in quotes"),
        ("x-a: { 7: 1 }", "'7' is a name, and YAML reads it as a number; put it in quotes"),
        ("x-a: { ? [a] : 1 }", "a list or a mapping cannot be a name"),
        ("x-a: !Ref b", "the tag !Ref has no meaning here; leave it out"),
        ("x-a: !!python/object:os.system {}", "the tag !!python/object:os.system has no meaning here"),
        ("x-a: !!set { b }", "the tag !!set has no meaning here"),
        ("x-a: !!binary aGk=", "the tag !!binary has no meaning here"),
        ("x-a: *nothing", "the file: is not YAML: found undefined alias"),
        ("x-a: &a [*a]", "what the anchor here names contains itself"),
        ("--- {}", "a second document begins here"),
        ("x-a: " + "[" * 60 + "]" * 60, "nested more than 50 levels deep"),
        ("x-a: \x07", "is not YAML: it does not allow the character #x0007"),
        ('x-a: "\\UFFFFFFFF"', "is not YAML"),
    ],
)
def test_what_nobody_means_is_refused_with_its_line(tmp_path: Path, line: str, sentence: str) -> None:
    mistakes = report(tmp_path, HEAD + APPLICATIONS + line + "\n")
    assert mistakes[0].startswith("promotion.yaml:13: ")
    assert sentence in mistakes[0]


@pytest.mark.parametrize("reuse", ["[*a{0}, *a{0}, *a{0}, *a{0}]", "{{ <<: [*a{0}, *a{0}, *a{0}, *a{0}] }}"])
def test_aliases_that_grow_without_bound_are_refused(tmp_path: Path, reuse: str) -> None:
    first = "x-0: &a0 { b: c }\n"
    text = first + "".join(f"x-{level}: &a{level} {reuse.format(level - 1)}\n" for level in range(1, 30))
    (mistake,) = report(tmp_path, text)
    assert "with its aliases followed, this has more than 1000000 values" in mistake


def test_an_alias_makes_a_mistake_once(tmp_path: Path) -> None:
    twin = APPLICATIONS.replace("      qa:\n", "      qa: &qa\n").replace("from: dev", "from: dve")
    reported = report(tmp_path, HEAD + twin + "      blue: { <<: *qa, environment: qa, endpoint: blue }\n")
    assert reported == [
        "promotion.yaml:10: applications.reviews.stages.qa.from: there is no environment 'dve' (there are: dev, qa); "
        "did you mean 'dev'? (also applications.reviews.stages.blue.from)"
    ]
