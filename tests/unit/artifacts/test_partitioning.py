"""Cutting a copy into units: every byte once, within S3's limits, in units that cost about the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract.document import Segment, Transfer, WorkUnit
from tests.unit.builders import artifact

KIB, MIB, GIB = 1024, 1024**2, 1024**3
# AWS: Amazon S3 multipart upload limits; the largest object ("50 TB") is 10,000 parts of 5 GiB.
MOST_PARTS, SMALLEST_PART, LARGEST_PART = 10_000, 5 * MIB, 5 * GIB
LARGEST_OBJECT = MOST_PARTS * LARGEST_PART
# AWS: S3, "Performance guidelines". The unit of cost is one second of one request.
SECONDS_OF_A_REQUEST, BYTES_A_SECOND = 0.15, 85e6
SIZES = [
    *(0, 1, 5 * MIB - 1, 5 * MIB, 128 * MIB, 256 * MIB - 1, 256 * MIB, 256 * MIB + 1, 384 * MIB, 384 * MIB + 1),
    *(5 * GIB - 1, 5 * GIB, 5 * GIB + 1, 140 * 10**9, 10**12, 1250 * GIB, 1250 * GIB + 1, 5 * 10**12, 50 * 10**12),
    *(LARGEST_OBJECT - 1, LARGEST_OBJECT),
]
SHA = "SHA256:AAAA"


def transfer(size: int, name: str = "model.tar.gz", *, exists: bool = False, checksum: str | None = None) -> Transfer:
    """Return an object's transfer as the plan makes it."""
    item = replace(artifact(size=size, checksum=checksum), key=name)
    part_size = None if exists else partitioning.part_size(item)
    return Transfer(artifact=item, exists=exists, part_size=part_size, upload_id="id" if part_size else None)


def spans(units: Sequence[WorkUnit]) -> dict[str, list[tuple[int, int]]]:
    """Return which bytes of each key the units copy, first and last, in the units' order."""
    copied: dict[str, list[tuple[int, int]]] = {}
    for segment in (segment for unit in units for segment in unit.segments):
        spans = copied.setdefault(segment.transfer.artifact.key, [])
        if segment.first is None or segment.last is None:
            spans.append((0, segment.transfer.artifact.source.size - 1))
        else:
            spans += [partitioning.span(segment.transfer, part) for part in range(segment.first, segment.last + 1)]
    return copied


def cost(unit: WorkUnit) -> float:
    """Return the seconds that a unit takes: what it takes through both legs, and its parts of shared objects."""
    return sum(seconds_of(segment) for segment in unit.segments)


def seconds_of(segment: Segment) -> float:
    size = segment.transfer.artifact.source.size
    at_once = partitioning.PARTS_IN_FLIGHT if size > 256 * MIB else partitioning.IN_FLIGHT
    if segment.first is None or segment.last is None:
        legs = 0 if segment.transfer.exists else 2
        return (SECONDS_OF_A_REQUEST + legs * (SECONDS_OF_A_REQUEST + size / BYTES_A_SECOND)) / at_once
    parts = [partitioning.span(segment.transfer, part) for part in range(segment.first, segment.last + 1)]
    return sum(SECONDS_OF_A_REQUEST + (last - first + 1) / BYTES_A_SECOND for first, last in parts) / at_once


def dearest_request(units: Sequence[WorkUnit]) -> float:
    return max(
        seconds_of(replace(segment, last=segment.first) if segment.first else segment)
        for unit in units
        for segment in unit.segments
    )


def some(*sizes: int) -> list[Transfer]:
    return [transfer(size, f"{number:06}") for number, size in enumerate(sizes)]


def at_random(seed: int) -> list[Transfer]:
    """Return a model of some objects of any sizes; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    return some(*(int(2 ** draw.uniform(0, 38)) for _ in range(draw.randint(1, 60))))


# Made by the worker that asks for it: they have 32,000 objects.
MODELS: dict[str, Callable[[], list[Transfer]]] = {
    "one small": lambda: some(10),
    "one of 140 GB": lambda: some(140 * 10**9),
    "one of 5 TB": lambda: some(5 * 10**12),
    "the largest": lambda: some(LARGEST_OBJECT),
    "25,000 small": lambda: some(*[64 * KIB] * 25_000),
    "1,001 of a megabyte": lambda: some(*[MIB] * 1_001),
    "empty ones": lambda: some(*[0] * 500),
    "17 alike": lambda: some(*[GIB] * 17),
    "a large one among small": lambda: some(*[MIB] * 2_000, 50 * GIB, *[MIB] * 2_000),
    "large ones before small": lambda: [
        *(transfer(5 * GIB, f"sha{number}", checksum=SHA) for number in range(10)),
        *some(*[0] * 1_000),
    ],
    **{f"at random {seed}": partial(at_random, seed) for seed in range(8)},
}


@cache
def model_of(name: str) -> list[Transfer]:
    return MODELS[name]()


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Each model by its name."""
    return str(request.param)


@cache
def cut(model: str) -> list[WorkUnit]:
    return partitioning.work_units(model_of(model))


# How an object is copied


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_copied_once_and_in_order(size: int) -> None:
    (copied,) = spans(partitioning.work_units([transfer(size)])).values()
    assert (copied[0][0], copied[-1][1]) == (0, size - 1)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(copied))


@pytest.mark.parametrize("size", SIZES)
def test_no_part_breaks_a_limit_of_s3(size: int) -> None:
    item = transfer(size)
    if item.part_size is None:
        return
    spans_of_parts = (partitioning.span(item, part) for part in range(1, partitioning.parts(item) + 1))
    sizes = [last - first + 1 for first, last in spans_of_parts]
    assert len(sizes) <= MOST_PARTS
    assert max(sizes) <= LARGEST_PART
    assert all(part >= SMALLEST_PART for part in sizes[:-1])
    assert sizes[-1] > 0


@pytest.mark.parametrize("size", [size for size in SIZES if size <= 256 * MIB])
def test_a_small_object_is_copied_by_one_request(size: int) -> None:
    """An object of 0 bytes cannot be copied by parts at all: there is no range of bytes to name."""
    assert partitioning.part_size(artifact(size=size)) is None


@pytest.mark.parametrize("size", [size for size in SIZES if size > 5 * GIB])
@pytest.mark.parametrize("checksum", [None, "CRC64NVME:A", "CRC32:A", "CRC32C:A"])
def test_what_copyobject_does_not_take_is_copied_by_parts(size: int, checksum: str | None) -> None:
    assert partitioning.part_size(artifact(size=size, checksum=checksum)) is not None


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
@pytest.mark.parametrize("size", [256 * MIB + 1, 5 * GIB])
def test_a_checksum_that_parts_cannot_give_is_kept_by_one_request(size: int, algorithm: str) -> None:
    """AWS: S3, "Checking object integrity": only CRCs of a whole object can be computed from parts."""
    assert partitioning.part_size(artifact(size=size, checksum=f"{algorithm}:AA==")) is None


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "CRC32", "CRC32C"])
def test_a_checksum_that_parts_can_give_allows_parts(algorithm: str) -> None:
    assert partitioning.part_size(artifact(size=256 * MIB + 1, checksum=f"{algorithm}:AA==")) == 8 * MIB


@pytest.mark.parametrize(
    ("size", "part", "parts"),
    [
        # As many parts as fill one round of all concurrent requests, or several.
        (50 * GIB, 37 * MIB, 1_384),
        (140 * 10**9, 96 * MIB, 1_391),
        (10**12, 228 * MIB, 4_183),
        # S3 allows no more than 10,000 parts.
        (10 * 10**12, 974 * MIB, 9_792),
        (50 * 10**12, 4_866 * MIB, 9_800),
    ],
)
def test_no_concurrent_request_is_idle_while_a_large_object_is_copied(size: int, part: int, parts: int) -> None:
    item = transfer(size)
    assert (item.part_size, partitioning.parts(item)) == (part, parts)


def test_a_text_is_written_by_one_request() -> None:
    assert partitioning.part_size(replace(artifact(size=GIB), text="a manifest")) is None


@pytest.mark.parametrize("size", SIZES)
def test_the_parts_follow_from_the_object_alone(size: int) -> None:
    """So a later invocation, or another copy, continues with the existing parts."""
    elsewhere = artifact("other", size=size, key="other", etag='"zz"', version_id="9", bucket="other")
    assert partitioning.part_size(elsewhere) == partitioning.part_size(artifact(size=size))


def test_a_transfer_by_one_request_has_no_parts() -> None:
    with pytest.raises(ValueError, match="is not copied by parts"):
        partitioning.parts(transfer(10))


# Work units


def test_the_work_units_copy_everything_once(model: str) -> None:
    copied = spans(cut(model))
    assert list(copied) == [item.artifact.key for item in model_of(model)]
    for item in model_of(model):
        ranges = copied[item.artifact.key]
        assert (ranges[0][0], ranges[-1][1]) == (0, item.artifact.source.size - 1)
        assert all(after[0] == before[1] + 1 for before, after in pairwise(ranges))


def test_no_work_unit_is_empty(model: str) -> None:
    assert all(unit.segments for unit in cut(model))


def test_no_work_unit_costs_much_more_than_another(model: str) -> None:
    units = cut(model)
    costs = [cost(unit) for unit in units]
    assert max(costs) <= 1.1 * sum(costs) / len(costs) + dearest_request(units)


def test_no_work_unit_is_hardly_worth_its_lambda(model: str) -> None:
    units = cut(model)
    costs = [cost(unit) for unit in units]
    assert min(costs) >= min(0.9 * sum(costs) / len(costs), 4.0 / 7) - dearest_request(units)


def test_no_work_unit_needs_more_time_than_a_lambda_has(model: str) -> None:
    units = cut(model)
    largest = max(segment.transfer.artifact.source.size for unit in units for segment in unit.segments)
    seconds = max(cost(unit) for unit in units) + 2 * min(largest, LARGEST_PART) / BYTES_A_SECOND
    assert seconds < 900 / 3


def test_there_are_as_many_work_units_as_concurrent_workers_if_there_is_enough_to_copy() -> None:
    assert len(cut("one of 140 GB")) == partitioning.AT_ONCE


@pytest.mark.parametrize("objects", [200_000, 250_000, 400_000])
def test_work_units_fill_whole_rounds_of_those_that_are_copied_at_once(objects: int) -> None:
    """An eighth one would be copied alone, after seven."""
    (small,) = some(10**6)
    units = len(partitioning.work_units([small] * objects))
    assert units % partitioning.AT_ONCE == 0
    assert units >= objects * 0.45 / 100 / 120


def test_little_work_is_one_work_unit() -> None:
    assert len(partitioning.work_units(some(*[10] * 20))) == 1


@pytest.mark.parametrize("small", ["one small", "empty ones"])
def test_a_small_model_is_not_spread_over_many_work_units(small: str) -> None:
    units = cut(small)
    assert len(units) <= 1 + sum(cost(unit) for unit in units) / 10


def test_the_same_model_again_is_cut_the_same(model: str) -> None:
    assert partitioning.work_units(list(model_of(model))) == cut(model)


def test_a_segment_is_one_run_of_parts(model: str) -> None:
    """A work unit of ten thousand parts is one line of a list, not ten thousand."""
    for unit in cut(model):
        keys = [segment.transfer.artifact.key for segment in unit.segments]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("size", [10, 5 * GIB, 50 * 10**12])
def test_an_existing_copy_is_looked_at_by_one_work_unit_and_costs_little(size: int) -> None:
    (unit,) = partitioning.work_units([transfer(size, "exists", exists=True), transfer(10, "missing")])
    assert [(segment.transfer.artifact.key, segment.first) for segment in unit.segments] == [
        ("exists", None),
        ("missing", None),
    ]


def test_no_artifacts_make_no_work_unit() -> None:
    assert partitioning.work_units([]) == []


# Which objects work units share


def before_plan(size: int, name: str, *, exists: bool = False) -> Transfer:
    return replace(transfer(size, name, exists=exists), part_size=None, upload_id=None)


@pytest.mark.parametrize(
    ("sizes", "shared"),
    [
        ([], []),
        ([20 * 10**9], []),  # one work unit is faster than a Map
        ([140 * 10**9], [0]),
        ([5 * 10**9] * 30, []),
        ([140 * 10**9, *[10**6] * 1000], [0]),
        # One that a unit could take at once, but would have to begin anew if it was killed.
        ([100 * 10**9] * 100, list(range(100))),
        ([80 * 10**9] * 100, []),
        ([10**6] * 100_000, []),
    ],
    ids=["none", "20 GB", "140 GB", "30 of 5 GB", "140 GB and small ones", "100 GB", "80 GB", "small ones"],
)
def test_only_what_is_too_large_for_a_work_unit_is_shared(sizes: list[int], shared: list[int]) -> None:
    transfers = [before_plan(size, f"{number:06}") for number, size in enumerate(sizes)]
    assert sorted(partitioning.shared(transfers)) == [f"{number:06}" for number in shared]


def test_what_exists_and_what_is_rewritten_is_not_shared() -> None:
    text = replace(before_plan(140 * 10**9, "text"), artifact=replace(artifact(size=140 * 10**9), text="a manifest"))
    assert partitioning.shared([before_plan(140 * 10**9, "exists", exists=True), text]) == set()


@pytest.mark.parametrize("size", [20 * 10**9, 5 * 10**9])
def test_the_parts_of_an_object_of_one_work_unit_fill_its_requests(size: int) -> None:
    item = replace(transfer(size), part_size=partitioning.part_size(artifact(size=size), slots=200))
    assert 0.9 * 200 < partitioning.parts(item) <= 200


# Keys


@pytest.mark.parametrize(
    "name", ["a\x01b", "\x00", "a\x1f", "\x0b", "\x0c", "\x08", "\x7f\x02", "\ufffe", "\uffff", "\ud800"]
)
def test_a_key_that_xml_cannot_carry_is_copied_whole_as_long_as_possible(name: str) -> None:
    assert not partitioning.has_readable_uploads(name)
    assert transfer(5 * GIB, name).part_size is None
    assert transfer(5 * GIB + 1, name).part_size


@pytest.mark.parametrize(
    "name", ["a\tb", "a\nb", "a\rb", "ü", "\x7f", "\x85", "&<>", "\ud7ff", "\ue000", "\ufffd", "\U0001f600"]
)
def test_any_other_key_is_copied_by_parts(name: str) -> None:
    assert partitioning.has_readable_uploads(name)
    assert transfer(257 * MIB, name).part_size


@pytest.mark.parametrize("name", ["a\x01b", "a\tb", "\x0b", "\ufffe", "ü", "\x7f", "\U0001f600"])
def test_a_key_is_readable_if_an_xml_parser_reads_it(name: str) -> None:
    document = f"<Key>{''.join(f'&#{ord(character)};' for character in name)}</Key>"
    try:
        text = ElementTree.fromstring(document).text  # noqa: S314 - our own
    except ElementTree.ParseError:
        text = None
    assert partitioning.has_readable_uploads(name) is (text == name)
