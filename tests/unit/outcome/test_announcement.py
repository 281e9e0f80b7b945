"""An outcome is announced in words, with what a program needs beside them; and SNS takes every announcement."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from lambdas.promotion.contract.document import Change, Failure, Outcome, Progress, Promotion
from lambdas.promotion.contract.envelope import Announcement, AnnouncementAttributes
from lambdas.promotion.contract.errors import PromotionError, every_error
from lambdas.promotion.contract.text import in_lines
from lambdas.promotion.outcome.announcement import announcement, is_announced
from tests import PROJECT
from tests.unit import builders

CHANGE = Change(progress=Progress.CHANGE_REQUIRED, previous_config=builders.OLD_CONFIG)
OUTCOMES = ("Promoted", "Unchanged", "Refused", "RolledBack", "Errored", Outcome.ABORTED)
CONSOLE = (
    "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/"
    "arn:aws:states:us-east-1:111111111111:execution:promote:release-7"
)


def failure(error: str = "AccessDenied", cause: str = "promote-qa-deployer may not do it.") -> Failure:
    return Failure(error=error, family="Errored", cause=cause)


def changing(promotion: Promotion | None = None) -> Promotion:
    return (promotion or builders.promotion()).with_change(CHANGE)


def lines_of(published: Announcement) -> dict[str, str]:
    """The message's lines by their titles."""
    return {title: text.strip() for title, _, text in (line.partition(":") for line in published.message.splitlines())}


def test_a_promotion_is_announced_with_its_model_source_target_and_what_serves() -> None:
    promotion = changing().with_outcome(Outcome.PROMOTED, at=builders.BEGUN.replace(minute=5))
    published = announcement("Promoted", builders.EXECUTION, promotion=promotion, started_by="ann@example.com")
    assert published.subject == "Promoted: reviews to qa"
    assert lines_of(published) == {
        "Outcome": "Promoted",
        "Asked for": "reviews to qa",
        "Model": builders.MODEL.arn,
        "From": "dev (222222222222, us-east-1)",
        "To": "qa (333333333333, us-east-1), endpoint reviews-qa",
        "Who": "ann@example.com",
        "Began": "2026-11-01 12:00:00 UTC, took 300 s",
        "Serves now": f"The model {promotion.desired_model.name} by the configuration {promotion.desired_config.name}.",
        "Next": "Nothing is to be done.",
        "Look at": CONSOLE,
        "Read": "docs/runbooks/Promoted.md",
    }
    assert published.attributes == AnnouncementAttributes(
        outcome="Promoted", application="reviews", stage="qa", error="none"
    )


def test_a_model_package_version_is_announced_with_its_model() -> None:
    promotion = builders.promotion(model=replace(builders.MODEL, model_package_arn=builders.VERSION))
    published = announcement("Unchanged", builders.EXECUTION, promotion=changing(promotion))
    assert lines_of(published)["Model"] == f"{builders.MODEL.arn}, version {builders.VERSION}"


def test_a_failure_is_announced_with_its_reason_what_to_do_and_where_to_read_more() -> None:
    published = announcement(
        "Errored", builders.EXECUTION, promotion=changing(), failure=failure(), runbook="https://x.io/runbooks"
    )
    lines = lines_of(published)
    assert published.subject == "Errored: reviews to qa (AccessDenied)"
    assert published.attributes.error == "AccessDenied"
    assert lines["Outcome"] == "Errored, AccessDenied"
    assert lines["Why"] == "promote-qa-deployer may not do it."
    assert "Grant it" in lines["Next"]
    assert lines["Read"] == "https://x.io/runbooks/AccessDenied.md"


def test_a_refusal_states_that_nothing_was_changed() -> None:
    published = announcement("Refused", builders.EXECUTION, promotion=changing(), failure=failure("NameTaken"))
    assert "nothing that serves was changed" in lines_of(published)["Serves now"]


def test_a_rollback_names_the_configuration_that_serves_again() -> None:
    published = announcement(
        "RolledBack", builders.EXECUTION, promotion=changing(), failure=failure("DeploymentRolledBack")
    )
    assert lines_of(published)["Serves now"] == f"As before, the configuration {builders.OLD_CONFIG}."


@pytest.mark.parametrize("outcome", ["Errored", Outcome.ABORTED])
def test_what_is_not_certain_is_not_claimed(outcome: str) -> None:
    """The document does not tell whether the endpoint was changed when the promotion ended."""
    promotion = changing()
    serves = lines_of(announcement(outcome, builders.EXECUTION, promotion=promotion, failure=failure()))["Serves now"]
    assert serves.startswith("Look at the endpoint")
    assert builders.OLD_CONFIG in serves and promotion.desired_config.name in serves


def test_a_promotion_that_had_not_compared_the_endpoint_has_not_changed_it() -> None:
    published = announcement("Errored", builders.EXECUTION, promotion=builders.promotion(), failure=failure())
    assert "had not come to the endpoint" in lines_of(published)["Serves now"]


def test_what_the_caller_observed_to_serve_is_announced_instead() -> None:
    published = announcement(
        Outcome.ABORTED, builders.EXECUTION, promotion=changing(), endpoint_summary="Both, in turn."
    )
    assert lines_of(published)["Serves now"] == "Both, in turn."


def test_an_outcome_before_anything_was_resolved_quotes_the_input() -> None:
    typed = {"application": "reviews", "stage": "qa", "model_name": "no such model"}
    published = announcement("Refused", builders.EXECUTION, raw_input=typed, failure=failure("ModelNotFound"))
    assert published.subject == "Refused: reviews to qa (ModelNotFound)"
    assert published.attributes.application == "reviews"
    assert '"no such model"' in lines_of(published)["Input"]


@pytest.mark.parametrize("typed", [None, [], "text", {"application": 7}, {"application": "Grüße\n", "stage": ""}])
def test_what_is_no_name_is_neither_in_the_subject_nor_an_attribute(typed: object) -> None:
    published = announcement("Refused", builders.EXECUTION, raw_input=typed, failure=failure("InvalidInput"))
    assert published.subject == "Refused: an unknown application to an unknown stage (InvalidInput)"
    assert (published.attributes.application, published.attributes.stage) == ("unknown", "unknown")


def test_only_unchanged_is_not_announced_unless_configured() -> None:
    assert [outcome for outcome in OUTCOMES if not is_announced(outcome, builders.HUB)] == ["Unchanged"]
    assert is_announced("Unchanged", replace(builders.HUB, announce_unchanged=True))


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_sns_takes_the_longest_announcement_of_each_outcome(outcome: str) -> None:
    name, wild = "a" * 40, "\u0000\U0001f600" * 50_000
    typed = {"application": name, "stage": name[:20], "model_name": wild}
    published = announcement(
        outcome, builders.EXECUTION, raw_input=typed, failure=failure("E" * 300 + "\n", wild + "\ud83d")
    )
    assert 0 < len(published.subject) < 100
    assert published.subject.isascii() and published.subject.isprintable()
    assert len(published.message.encode()) < 64 * 1024
    assert all(asdict(published.attributes).values())


@pytest.mark.parametrize("error", [error.__name__ for error in every_error(PromotionError)])
def test_each_error_links_to_its_runbook_and_states_what_to_do(error: str) -> None:
    lines = lines_of(announcement("Errored", builders.EXECUTION, promotion=changing(), failure=failure(error)))
    assert lines["Read"] == f"docs/runbooks/{error}.md"
    assert (PROJECT / lines["Read"]).is_file()
    assert len(lines["Next"].split()) >= 4


@pytest.mark.parametrize(
    ("outcome", "error"),
    [*((outcome, None) for outcome in OUTCOMES[:2]), (Outcome.ABORTED, None), ("Errored", "Lambda.Unknown")],
)
def test_what_has_no_error_of_ours_leads_to_a_runbook_too(outcome: str, error: str | None) -> None:
    published = announcement(outcome, builders.EXECUTION, failure=failure(error) if error else None)
    assert (PROJECT / lines_of(published)["Read"]).is_file()


# What others have written

FORGED = "ann\nOutcome:    Promoted\r\nServes now: the new model"
BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
TITLES = ["Outcome", "Asked for", "Model", "From", "To", "Who", "Began", "Serves now", "Why", "Next", "Look at", "Read"]


def titles_of(published: Announcement) -> list[str]:
    return [line.partition(":")[0] for line in published.message.splitlines()]


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_no_text_of_others_adds_a_line(line_break: str) -> None:
    """The requester, the registry's account, SageMaker and Lambda fill these."""
    forged = FORGED.replace("\n", line_break)
    model = replace(builders.MODEL, arn=f"arn{forged}", model_package_arn=f"version{forged}")
    published = announcement(
        "Errored",
        builders.EXECUTION,
        promotion=changing(builders.promotion(model=model)),
        failure=failure(f"Odd{forged}", f"why{forged}"),
        endpoint_summary=f"As before.{forged}",
        started_by=forged,
    )
    assert titles_of(published) == TITLES
    assert len(published.attributes.error.splitlines()) == 1
    assert published.subject.isprintable()


def test_each_finding_of_a_cause_has_a_line_that_is_none_of_the_announcements() -> None:
    cause = in_lines("The input is invalid:", ["stage is missing", f"odd{FORGED}"], "Example: {}.")
    lines = announcement("Refused", builders.EXECUTION, failure=failure("InvalidInput", cause)).message.splitlines()
    first = lines.index("Why:        The input is invalid:")
    assert lines[first + 1] == "            - stage is missing"
    assert lines[first + 2].startswith("            - odd")
    assert lines[first + 3] == "            Example: {}."
    assert lines[first + 4].startswith("Next:")


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_no_input_adds_a_line(line_break: str) -> None:
    typed = {"application": "reviews", f"stage{line_break}Outcome: Promoted": f"qa{line_break}Outcome: Promoted"}
    published = announcement(
        "Refused", builders.EXECUTION, raw_input=typed, failure=failure("InvalidInput", f"no{line_break}Next: none")
    )
    assert titles_of(published) == [*TITLES[:2], "Input", "Began", "Serves now", "Why", "Next", "Look at", "Read"]


@pytest.mark.parametrize("odd", ["\u202e", "\u2066", "\x1b", "\x08", "\x00", "\u200f"], ids=ascii)
def test_no_text_of_others_moves_or_hides_what_stands_before_it(odd: str) -> None:
    published = announcement("Errored", builders.EXECUTION, promotion=changing(), failure=failure(cause=f"a{odd}b"))
    assert odd not in published.message


@pytest.mark.parametrize("half", ["\ud83d", "\ude00", "\ude00\ud83d"], ids=ascii)
def test_half_a_character_can_be_sent(half: str) -> None:
    published = announcement(
        "Errored",
        builders.EXECUTION,
        promotion=changing(),
        failure=failure(f"E{half}", f"why {half}"),
        endpoint_summary=f"As before {half}",
        started_by=f"ann {half}",
    )
    assert published.message.encode() and published.attributes.error.encode()


def test_a_family_of_characters_stays_one() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert family in announcement("Errored", builders.EXECUTION, failure=failure(cause=family)).message


@pytest.mark.parametrize("outcome", [Outcome.PROMOTED, Outcome.UNCHANGED])
@pytest.mark.parametrize(
    "ended", [("Errored", "RecordNotWritten"), ("Errored", "ScalingIncomplete"), ("Aborted", None)]
)
def test_after_a_known_outcome_it_is_announced_what_serves(outcome: Outcome, ended: tuple[str, str | None]) -> None:
    promotion = changing().with_outcome(outcome, at=builders.BEGUN)
    lines = lines_of(
        announcement(ended[0], builders.EXECUTION, promotion=promotion, failure=failure(ended[1] or "Aborted"))
    )
    ours = f"The model {promotion.desired_model.name} by the configuration {promotion.desired_config.name}."
    assert lines["Serves now"] == ours
    assert "Look at" not in lines["Next"]
