"""docs/copying.md: its numbers are the code's, and no member of a model and no list is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lambdas.handlers import complete_copy, verify_artifacts
from lambdas.promotion.artifacts import discovery, inventory, partitioning
from lambdas.promotion.aws import concurrency, unknown_fields, work_lists
from lambdas.promotion.contract import resource_names, sagemaker_limits, time_limits
from lambdas.promotion.contract.document import Artifact, CopyVerification, S3Object, Transfer
from lambdas.promotion.model import supported_fields
from stacks.hub import work_list_bucket as lists_in_hub
from tests.docs import pages

PAGE = pages.text_of("copying.md")
PLAIN = " ".join(PAGE.replace("*", "").split())
KNOWN_FIELDS: dict[str, supported_fields.Fields] = {
    "DescribeModel": supported_fields.MODEL,
    "a container": supported_fields.CONTAINER,
    "a container that names a package": supported_fields.BESIDE_PACKAGE,
    "a version's container": supported_fields.PACKAGE_CONTAINER,
}
# What only frames the others, and AWS's answer itself.
FRAMES = {unknown_fields.FIELD, "S3DataSource", "RepositoryAccessMode", "RepositoryAuthConfig", "ResponseMetadata"}
UNITS = {"GB": 10**9, "TB": 10**12}
WORDS = {6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def names_in(fields: supported_fields.Fields) -> Iterator[str]:
    """The members, without those that only say more of one that is named."""
    for name, below in fields.items():
        yield name
        if name in {"ModelDataSource", "AdditionalModelDataSources", "S3DataSource", "ImageConfig"}:
            yield from names_in(below or {})


@pytest.mark.parametrize("fields", KNOWN_FIELDS.values(), ids=KNOWN_FIELDS)
def test_the_handling_of_every_field_of_a_model_is_documented(fields: supported_fields.Fields) -> None:
    documented = set(pages.in_code_marks(pages.section(PAGE, "What a model can consist of")))
    unsaid = {"ChannelName", "S3Uri", "S3DataType", "CompressionType"}  # what a data source consists of
    assert set(names_in(fields)) - FRAMES - unsaid - documented == set()


def test_every_known_field_that_is_refused_is_named() -> None:
    refused = [row[0] for row in pages.rows(PAGE, "part of the model") if row[1].startswith("refused")]
    assert {name for row in refused for name in pages.in_code_marks(row)} == set(supported_fields._REASONS)


def test_every_list_in_the_hubs_bucket_is_explained() -> None:
    explained = {row[0].strip("`") for row in pages.rows(PAGE, "list")}
    assert explained == {value for name, value in vars(work_lists).items() if name.isupper() and isinstance(value, str)}


def test_the_parts_and_work_units_of_the_table_are_those_of_the_plan() -> None:
    for row in pages.rows(PAGE, "an object of"):
        number, unit = row[0].split()
        assert row[1:] == planned(int(number) * UNITS[unit]), row[0]


def planned(size: int) -> list[str]:
    artifact = Artifact(source=S3Object(bucket="b", key="k", etag="e", size=size), key="k")
    is_shared = partitioning.shared([Transfer(artifact=artifact)])
    slots = partitioning.PARTS_IN_FLIGHT * (partitioning.AT_ONCE if is_shared else 1)
    part = partitioning.part_size(artifact, slots=slots)
    assert part
    transfer = Transfer(artifact=artifact, part_size=part, upload_id="u")
    units = len(partitioning.work_units([transfer])) if is_shared else 1
    return [f"{number:,}" for number in (partitioning.parts(transfer), part // 1024**2, units)]


SENTENCES: Mapping[str, Any] = {
    "7 at once, each with 100 requests in flight, or 200 for parts": (
        partitioning.AT_ONCE,
        partitioning.IN_FLIGHT,
        partitioning.PARTS_IN_FLIGHT,
    ),
    "An object of up to 256 MiB is one CopyObject": partitioning._BY_PARTS_ABOVE // 1024**2,
    "CopyObject's own limit of 5 GiB": partitioning.LARGEST_COPY // 1024**3,
    "at least 8 MiB, and about 256 MiB": (partitioning._SMALLEST_PART // 1024**2, partitioning._PART // 1024**2),
    "S3's limit is 10,000 parts": f"{partitioning._MOST_PARTS:,}",
    "85 MB/s a request, 0.15 seconds": (round(partitioning._BYTES_A_SECOND / 1e6), partitioning._LATENCY),
    "what it can do in 4 seconds": round(partitioning._NOT_WORTH_A_MAP),
    "would last longer than 120 seconds": round(partitioning._LONGEST_WORK_UNIT),
    "what would take one of them 10 seconds": round(partitioning._LONGEST_OF_ONE_UNIT),
    "over 2,000 copies": f"{partitioning.MOST_VERIFIED_BY_ONE_STEP:,}",
    "shared objects of their parts, 16 at a time": complete_copy._AT_ONCE,
    "lists and compares everything, 100 at a time": verify_artifacts._AT_ONCE,
    "with pauses of up to 10 seconds": round(concurrency._LONGEST_PAUSE),
    "without response for 25 seconds (840 for a copy": (
        time_limits.READ_TIMEOUT.seconds,
        time_limits.LONG_CALL_READ_TIMEOUT.seconds,
    ),
    "in the last 75 of its 900 seconds": (
        time_limits.INVOCATION_RESERVE.seconds,
        time_limits.LONGEST_INVOCATION.seconds,
    ),
    "100,000; more are refused": f"{inventory.MOST_OBJECTS:,}",
    "1,024 bytes; longer ones are refused": f"{inventory._LONGEST_KEY:,}",
    "255 bytes; of a longer one": inventory._LONGEST_BASENAME,
    "may have 1 MiB": discovery._LARGEST_MANIFEST // 1024**2,
    "1,024 bytes a variable": f"{sagemaker_limits.MOST_BYTES:,}",
    "32 KB of variables": sagemaker_limits.MOST_BYTES_OF_VARIABLES // 1024,
    "(up to 15)": sagemaker_limits.MOST_CONTAINERS,
    "for 90 days": lists_in_hub._RETENTION.to_days(),
    "up to 105 of them": len(resource_names.stage_prefix("a" * 40, "s" * 20)) + 32 + len("/"),
}


@pytest.mark.parametrize(("sentence", "numbers"), SENTENCES.items(), ids=SENTENCES)
def test_the_numbers_of_the_page_are_the_codes(sentence: str, numbers: Any) -> None:
    assert sentence in PLAIN
    wanted = numbers if isinstance(numbers, tuple) else (numbers,)
    assert re.findall(r"\d[\d,.]*", sentence.replace("S3", "")) == [str(number).rstrip(".") for number in wanted]


def test_a_call_is_retried_as_often_as_the_page_states() -> None:
    assert f"is tried {WORDS[concurrency._MOST_ATTEMPTS]} times in all" in PLAIN


def test_every_kind_of_proof_is_explained() -> None:
    counted = {name for row in pages.rows(PAGE, "the source object has") for name in pages.in_code_marks(row[2])}
    assert counted == {"artifacts_verified_by_checksum", "artifacts_verified_by_size"}
    assert set(CopyVerification.__dataclass_fields__) == {"compared", "computed"}
