"""What the record of an attempt holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, Failure, Lock, Outcome, Progress
from lambdas.promotion.outcome import records
from lambdas.promotion.outcome.records import PromotionRecord
from tests.unit.builders import BEGUN, EXECUTION, NO_COPIES, OLD_CONFIG, REQUEST, artifact, good, promotion

INPUT = {"application": "reviews", "stage": "qa", "model_name": "reviews-v7"}
ENDED = BEGUN + timedelta(minutes=9, milliseconds=250)
FAILURE = Failure(error="OlderModel", family="Refused", cause="A newer one serves.")


def attempt(**changes: Any) -> PromotionRecord:
    fields: dict[str, Any] = {
        "execution": EXECUTION,
        "input": INPUT,
        "outcome": Outcome.PROMOTED,
        "ended_at": ENDED,
        "promotion": promotion(change=Change(progress=Progress.IN_SERVICE, previous_config=OLD_CONFIG)),
    }
    return PromotionRecord(**{**fields, **changes})


def test_the_record_holds_what_was_promoted_from_where_to_where() -> None:
    item = records.item(attempt())
    promoted = promotion()
    assert (item["source_model"], item["outcome"]) == (promoted.model.arn, "Promoted")
    assert item["endpoint"] == promoted.target_arn("endpoint", promoted.stage.endpoint)
    assert item["endpoint_config"].endswith(promoted.desired_config.name)
    assert item["previous_endpoint_config"] == OLD_CONFIG
    assert item["images"] == [promoted.desired_model.request["PrimaryContainer"]["Image"]]


def test_records_of_a_stage_are_in_the_order_of_their_start() -> None:
    item = records.item(attempt())
    assert (item["stage"], item["record_key"]) == ("reviews/qa", "2026-11-01T12:00:00.000+00:00#release-7")
    assert str(item["seconds"]) == "540.25"


def test_what_was_refused_before_it_was_resolved_has_a_record_as_well() -> None:
    item = records.item(attempt(promotion=None, outcome=Outcome.REFUSED, failure=FAILURE))
    assert (item["error"], item["cause"]) == ("OlderModel", "A newer one serves.")
    assert "source_model" not in item


@pytest.mark.parametrize("asked", [None, [], "no", {}, {"application": 7}, {"application": " ", "stage": None}])
def test_an_input_that_cannot_be_understood_has_a_record_as_well(asked: object) -> None:
    item = records.item(attempt(input=asked, promotion=None, outcome=Outcome.REFUSED, failure=FAILURE))
    assert item["stage"] == "?/?"
    assert json.loads(item["input"]) == asked


def test_a_very_long_input_does_not_fill_the_record() -> None:
    item = records.item(attempt(input={"application": "a" * 9000, "stage": "qa"}))
    assert len(item["input"]) == 4000
    assert len(item["stage"]) == 63 + 3


def test_only_successful_promotions_can_be_rolled_back_to() -> None:
    assert "document" not in records.item(attempt(outcome=Outcome.ROLLED_BACK, failure=FAILURE))
    assert records.promotion_of(records.item(attempt())) == attempt().promotion


@pytest.mark.parametrize("document", ["{}", "no json", json.dumps({"promotion": 1})])
def test_a_document_that_is_not_understood_is_none(document: str) -> None:
    assert records.promotion_of({"document": document}) is None


def test_what_a_newer_promote_has_added_to_the_document_is_overlooked() -> None:
    document = {**promotion().to_json(), "of_tomorrow": 1}
    assert records.promotion_of({"document": json.dumps(document)}) == promotion()


def test_every_artifacts_checksum_is_recorded() -> None:
    (checksum,) = records.item(attempt(artifacts=[artifact()]))["artifact_checksums"]
    assert checksum == {
        "key": artifact().key,
        "source": artifact().source.uri,
        "size": artifact().source.size,
        "checksum": artifact().source.checksum,
    }


def test_thousands_of_artifacts_are_recorded_by_one_digest() -> None:
    many = [artifact(f"{number}.bin") for number in range(3000)]
    item, other = (records.item(attempt(artifacts=which)) for which in (many, many[:-1]))
    assert len(item["artifact_checksums"]) == 50
    assert item["artifacts_digest"] != other["artifacts_digest"]


def test_the_longest_input_and_keys_leave_room_for_the_largest_document() -> None:
    """An item has 400 KB (AWS: DynamoDB quotas), and a document no more than a state, 256 KiB."""
    long = replace(artifact(bucket="b" * 63, key="k" * 1024, checksum=f"SHA512:{'x' * 88}"), key="k" * 1024)
    asked = {"application": "reviews", "stage": "qa", "more": "\U0001f600" * 9000}
    item = records.item(attempt(input=asked, artifacts=[long] * 100))
    beside = {name: value for name, value in item.items() if name != "document"}
    assert len(json.dumps(beside, default=str, ensure_ascii=False).encode()) < 400 * 1024 - 256 * 1024


def test_the_order_of_the_artifacts_does_not_change_their_digest() -> None:
    many = [artifact(f"{number}.bin") for number in range(3)]
    item, other = (records.item(attempt(artifacts=which)) for which in (many, many[::-1]))
    assert item["artifacts_digest"] == other["artifacts_digest"]


def test_the_latest_successful_promotion_is_the_first_to_roll_back_to() -> None:
    current = promotion(lock=Lock(fence=2, last_known_good=(good(),)))
    assert [entry.config for entry in records.known_good_after(current, ended_at=ENDED)] == [
        current.desired_config.name,
        OLD_CONFIG,
    ]


def test_what_serves_already_keeps_its_entry() -> None:
    entries = (good(promotion().desired_config.name), good())
    assert records.known_good_after(promotion(lock=Lock(fence=2, last_known_good=entries)), ended_at=ENDED) == entries


def test_copies_that_are_verified_again_are_those_of_each_entry_of_the_model() -> None:
    """A copy that had been deleted is another version since: the other entries could not be rolled back to."""
    again = promotion(verified=NO_COPIES)
    ours, model = again.desired_config.name, again.desired_model.name
    entries = (good(ours, model=model), good("larger", model=model), good())
    after = records.known_good_after(replace(again, lock=Lock(fence=2, last_known_good=entries)), ended_at=ENDED)
    assert [(entry.config, entry.verified) for entry in after] == [
        (ours, NO_COPIES),
        ("larger", NO_COPIES),
        (OLD_CONFIG, None),
    ]


def test_a_new_entry_has_the_copies_that_were_verified() -> None:
    entry, *_ = records.known_good_after(promotion(verified=NO_COPIES), ended_at=ENDED)
    assert entry.verified == NO_COPIES
    assert records.known_good_of(records.known_good_text([entry])) == (entry,)


def test_the_record_says_where_the_list_of_verified_copies_is() -> None:
    item = records.item(attempt(promotion=promotion(verified=NO_COPIES)))
    place = f"s3://promote-hub-111111111111-us-east-1/verified/{NO_COPIES.sha256}.jsonl"
    assert (item["verified_copies"]["list"], item["verified_copies"]["sha256"]) == (place, NO_COPIES.sha256)


def test_a_configuration_stands_there_once() -> None:
    entries = (good(), good(promotion().desired_config.name))
    after = records.known_good_after(promotion(lock=Lock(fence=2, last_known_good=entries)), ended_at=ENDED)
    assert [entry.config for entry in after] == [promotion().desired_config.name, OLD_CONFIG]


def test_ten_last_known_good_promotions_are_kept() -> None:
    entries = tuple(good(f"c{number}") for number in range(10))
    after = records.known_good_after(promotion(lock=Lock(fence=2, last_known_good=entries)), ended_at=ENDED)
    assert [entry.config for entry in after][1:] == [f"c{number}" for number in range(9)]


def test_a_roll_back_forgets_what_it_left_behind() -> None:
    entries = (good("bad"), good(promotion().desired_config.name), good("oldest"))
    back = promotion(lock=Lock(fence=2, last_known_good=entries), request=replace(REQUEST, roll_back=True))
    assert records.known_good_after(back, ended_at=ENDED) == entries[1:]


def test_the_last_known_good_entries_survive_serialization() -> None:
    entries = (good("a"), good("b"))
    assert records.known_good_of(records.known_good_text(entries)) == entries
    assert records.known_good_of(None) == ()
