"""What the pages promise is shown: figures are the code's, and strong sentences name the tests that show them."""

from __future__ import annotations

import ast
import functools
import json
import re
from typing import Any

import pytest
import yaml

from docs import draw_workflow
from docs.generate.example_templates import Template
from lambdas.promotion.artifacts import discovery, partitioning
from lambdas.promotion.aws import concurrency, sessions
from lambdas.promotion.contract import resource_names, sagemaker_limits, time_limits
from lambdas.promotion.outcome import reconciliation, records
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.checks import source_artifacts
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.resolve import identity, request
from sandbox.aws import control
from stacks.baseline import alarms
from stacks.hub import work_list_bucket
from stacks.workflow.lambda_task import LAST_RESORT_INTERVAL, LATER_POLL_INTERVAL, POLL_INTERVAL
from tests import PROJECT
from tests.docs import pages, test_pages
from tests.mutation import report

STATES: dict[str, Any] = json.loads(draw_workflow.DEFINITION.read_text())["States"]
WORDS = {"two": 2, "three": 3, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10}
NUMBER = re.compile(rf"(?<![\w-])(?:\d[\d,.]*\d|\d|{'|'.join(WORDS)})(?![\w-])", re.IGNORECASE)
RETRIES = next(
    retrier["MaxAttempts"] for retrier in STATES["Plan the copy"]["Retry"] if "Throttled" in retrier["ErrorEquals"]
)
RETRIES_OF_A_KILLED_STEP = next(
    retrier["MaxAttempts"] for retrier in STATES["Plan the copy"]["Retry"] if "States.Timeout" in retrier["ErrorEquals"]
)
MINUTES = time_limits.LONGEST_INVOCATION.seconds // 60

# By page: a sentence, and its numbers as the code has them. Those of copying.md: test_copying.py.
FIGURES: dict[str, dict[str, tuple[float, ...]]] = {
    "../CONTRIBUTING.md": {
        "The tests must notice 95 %": (report.LEAST_PERCENT,),
        "more than 22,000 words": (test_pages.MOST_WORDS,),
    },
    "how-it-works.md": {
        "execution's name (its first 64 characters)": (len(sessions._session_name("a" * 80)),),
        "of more than 1,000 objects, 1,000 are read": (source_artifacts._MOST_READ, source_artifacts._MOST_READ),
        "(at most 35 characters)": (len(resource_names.resource_name_prefix("a" * 40, "s")) - len("-"),),
        "12 digits of a digest": (len(resource_names.ANY_DIGEST),),
        "does, every five minutes": (alarms.FIVE_MINUTES.to_minutes(),),
    },
    "copying.md": {
        "1 MiB and 1,000 S3 URIs": (discovery._LARGEST_MANIFEST / 1024**2, discovery._MOST_IN_MANIFEST),
        "1,024 characters a URI": (sagemaker_limits.LONGEST_URL,),
        "more than 50 are refused": (identity._MOST_TAGS,),
    },
    "operations.md": {
        "ten promotions are kept": (records._MOST_KNOWN_GOOD,),
        "allows a deployment 8 hours": (time_limits.LONGEST_DEPLOYMENT.seconds / 3600,),
        "age of the oldest lock, every five minutes": (alarms.FIVE_MINUTES.to_minutes(),),
        "`promotions/NAME/`, for 90 days": (work_list_bucket._RETENTION.to_days(),),
    },
    "sandbox.md": {"A wait of 30 seconds takes 0.3": (30, 30 * control.WAIT_SCALE)},
    "states.md": {
        "where they wait 30 seconds, after an hour two minutes": (
            POLL_INTERVAL.to_seconds(),
            LATER_POLL_INTERVAL.to_minutes(),
        ),
        "SageMaker's event, 90 seconds at most, after an hour two minutes": (
            LAST_RESORT_INTERVAL.to_seconds(),
            LATER_POLL_INTERVAL.to_minutes(),
        ),
        "first 30 seconds at most": (POLL_INTERVAL.to_seconds(),),
        "for each private image, three at a time": (STATES["Copy the images"]["MaxConcurrency"],),
        "for each, seven at a time": (STATES["Copy the artifacts"]["MaxConcurrency"],),
    },
    "runbooks/README.md": {"after six retries": (RETRIES,)},
    "runbooks/ImageCopyInterrupted.md": {
        "did not finish in seven runs": (RETRIES + 1,),
        "more than 15 minutes": (MINUTES,),
    },
    "runbooks/InvalidInput.md": {"at most 256 characters": (request._LONGEST["requested_by"],)},
    "runbooks/NotYetVisible.md": {"through six retries": (RETRIES,)},
    "runbooks/OutOfTime.md": {"within its 15 minutes, seven times": (MINUTES, RETRIES + 1)},
    "runbooks/PreflightFailed.md": {"More than 40 findings": (findings._MOST_REPORTED,)},
    "runbooks/PreviewNotDeleted.md": {
        "existed two hours after its deletion": (preview_state.LONGEST_DELETION.seconds / 3600,)
    },
    "runbooks/ServiceErrors.md": {
        "A step exceeded its timeout three times": (RETRIES_OF_A_KILLED_STEP + 1,),
        "A function was terminated three times": (RETRIES_OF_A_KILLED_STEP + 1,),
        "A copy uses seven": (partitioning.AT_ONCE,),
    },
    "runbooks/ServiceUnavailable.md": {
        "through six retries": (RETRIES,),
        "each call eight times in each run": (concurrency._MOST_ATTEMPTS,),
    },
    "runbooks/SessionExpired.md": {"through six retries": (RETRIES,), "at most 15 minutes": (MINUTES,)},
    "runbooks/SmokeTestFailed.md": {
        "no response within 70 s": (time_limits.INVOKE_READ_TIMEOUT.seconds,),
        "ends a request after 60 seconds": (time_limits.MODEL_RESPONSE.seconds,),
    },
    "runbooks/Throttled.md": {"through six retries": (RETRIES,)},
    "runbooks/clean-up-aborted.md": {
        "17 minutes after its last begin": (reconciliation._RUN_AGAIN_AFTER.seconds / 60,)
    },
    "runbooks/resume-scaling.md": {"stored for 90 days": (work_list_bucket._RETENTION.to_days(),)},
    "runbooks/slow-copies.md": {"Seven work units run at once": (partitioning.AT_ONCE,)},
}
# The words of a strong sentence, and the pages whose strong sentences all name their tests.
STRONG = re.compile(
    r"\b(all|always|any|anything|every|everything|exactly|never|no|none|nothing|only|untouched|whole)\b", re.IGNORECASE
)
COMPLETE = ("README.md",)
CLAIMS: dict[str, dict[str, list[str]]] = yaml.safe_load((PROJECT / "tests" / "docs" / "claims.yaml").read_text())


def plain(page: str) -> str:
    """The page in one line, without code blocks, emphasis and the targets of links."""
    text = re.sub(r"\]\([^)]*\)", "]", pages.without_code((pages.DOCS / page).read_text()))
    return " ".join(re.sub(r"[*\[\]]", "", text).split())


@functools.cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((PROJECT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def strong_sentences(page: str) -> list[str]:
    """Sentences, points of a list and rows of a table that promise something without exception."""
    text = pages.without_code(pages.written_by_hand((PROJECT / page).read_text()))
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = re.split(r"\n\s*\n|\n(?=[-#|]|\d\. )|(?<=[.:;])\s", text)
    sentences = (" ".join(re.sub(r"[*\[\]]", "", part).split()) for part in parts)
    return [sentence for sentence in sentences if STRONG.search(sentence)]


@pytest.mark.parametrize(
    ("page", "sentence"), [(page, sentence) for page, sentences in FIGURES.items() for sentence in sentences]
)
def test_a_figure_is_the_codes(page: str, sentence: str) -> None:
    assert sentence in plain(page)
    figures = [WORDS.get(text.lower()) or float(text.replace(",", "")) for text in NUMBER.findall(sentence)]
    assert figures == pytest.approx(FIGURES[page][sentence])


def test_an_event_is_tried_and_kept_as_long_as_the_runbook_says(templates: dict[str, Template]) -> None:
    resources = [resource for template in templates.values() for resource in template["Resources"].values()]
    kept = {
        resource["Properties"]["MessageRetentionPeriod"]
        for resource in resources
        if resource["Type"] == "AWS::SQS::Queue"
    }
    policies = [
        target["RetryPolicy"]
        for resource in resources
        if resource["Type"] == "AWS::Events::Rule" and "EventPattern" in resource["Properties"]
        for target in resource["Properties"]["Targets"]
        if "DeadLetterConfig" in target and "RetryPolicy" in target
    ]
    page = plain("runbooks/undelivered-events.md")
    assert "keeps events for 14 days" in page
    assert kept == {14 * 86400}
    assert "after ten tries or two hours" in page
    assert policies
    assert all(policy == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 2 * 3600} for policy in policies), (
        policies
    )


@pytest.mark.parametrize(("page", "claim"), [(page, claim) for page, claims in CLAIMS.items() for claim in claims])
def test_a_claim_stands_in_its_page_and_names_tests_that_exist(page: str, claim: str) -> None:
    assert claim in plain(f"../{page}")
    assert CLAIMS[page][claim]
    for test in CLAIMS[page][claim]:
        file, _, name = test.partition("::")
        assert name in functions_of(file), test


@pytest.mark.parametrize("page", COMPLETE)
def test_every_strong_sentence_names_the_tests_that_show_it(page: str) -> None:
    """Soften the sentence to what is shown, or add it to claims.yaml with the tests that show it."""
    unsupported = [
        sentence for sentence in strong_sentences(page) if not any(claim in sentence for claim in CLAIMS[page])
    ]
    assert unsupported == []
