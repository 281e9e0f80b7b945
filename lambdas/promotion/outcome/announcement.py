"""How an outcome is reported to people, and to programs that look at a message's attributes only. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lambdas.promotion.contract.document import Execution, Failure, Outcome, Promotion
from lambdas.promotion.contract.envelope import Announcement, AnnouncementAttributes
from lambdas.promotion.contract.errors import Refused, RolledBack, every_error
from lambdas.promotion.contract.settings import Environment, Hub
from lambdas.promotion.contract.text import as_json, one_line

UNKNOWN = "unknown"
NO_ERROR = "none"
_WHY = "Why"
_FINDING = re.compile(r"\n(- |\(1\) )")  # text.in_lines, preflight/findings.py
_INDENTED = f"\n{' ' * 12}"
_GOOD_OUTCOMES = (Outcome.PROMOTED, Outcome.UNCHANGED)
# API: Publish, Subject, is "less than 100 characters long"; e-mail shows ASCII everywhere.
_LONGEST_SUBJECT = 99
# Of a cause and of an input. The execution has all of it, and SNS takes 256 KiB (API: Publish, Message).
_LONGEST_QUOTE = 4000
_LONGEST_ATTRIBUTE = 256
# What promotion.yaml allows as a name: anything else that was typed is reported as text, but is no name.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_DOCSTRINGS = {error.__name__: " ".join((error.__doc__ or "").split()) for error in every_error()}
# The runbook of the errors that Step Functions, Lambda and DynamoDB name.
_SERVICE_ERRORS = "ServiceErrors"
_NOT_CHANGED = "What it served before: this promotion had not come to the endpoint."
_LOOK = "Look at the endpoint: what it served before, or what this promotion was to bring."


def announcement(
    outcome: str,
    execution: Execution,
    *,
    promotion: Promotion | None = None,
    raw_input: object = None,
    failure: Failure | None = None,
    endpoint_summary: str | None = None,
    started_by: str | None = None,
    runbook: str = "docs/runbooks",
) -> Announcement:
    """Say how a promotion has ended.

    `outcome`: Promoted, Unchanged, Refused, RolledBack, Errored or Aborted. `promotion`: as far as it came, None if it
    was never resolved; then `raw_input`, what the execution was started with, says what was asked for. `failure` comes
    with a bad outcome. `endpoint_summary` is a sentence about what serves now, if the caller knows better than the
    document; `started_by` who started or approved it. `runbook`: where the folder docs/runbooks is published.
    """
    application, stage = _asked_for(promotion, raw_input)
    error = failure.error if failure else None
    return Announcement(
        subject=_subject(outcome, application, stage, error),
        message="\n".join(
            f"{title + ':':<12}{_indented(text) if title == _WHY else one_line(text)}"
            for title, text in _lines(
                outcome, execution, promotion, raw_input, failure, endpoint_summary, started_by, runbook
            )
        ),
        attributes=AnnouncementAttributes(
            outcome=outcome,
            application=application or UNKNOWN,
            stage=stage or UNKNOWN,
            error=one_line(error)[:_LONGEST_ATTRIBUTE] if error else NO_ERROR,
        ),
    )


def is_announced(outcome: str, hub: Hub) -> bool:
    """Say whether an outcome is announced at all.

    That there was nothing to do is announced on request only, and a plan only to who asked for it.
    """
    return outcome != Outcome.PLANNED and (outcome != Outcome.UNCHANGED or hub.announce_unchanged)


def runbook_page(outcome: str, error: str | None, runbook: str) -> str:
    """Return the page of the runbooks for an outcome, or for the error that led to it."""
    if outcome in (*_GOOD_OUTCOMES, Outcome.ABORTED):
        return f"{runbook}/{outcome}.md"
    return f"{runbook}/{error if error in _DOCSTRINGS else _SERVICE_ERRORS}.md"


def console(execution: Execution) -> str:
    """Return the address of the execution in the console."""
    region = execution.arn.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution.arn}"


def _asked_for(promotion: Promotion | None, raw_input: object) -> tuple[str | None, str | None]:
    if promotion:
        return promotion.request.application, promotion.request.stage
    typed = raw_input if isinstance(raw_input, dict) else {}
    application, stage = (
        text if isinstance(text := typed.get(member), str) and _NAME.fullmatch(text) else None
        for member in ("application", "stage")
    )
    return application, stage


def _subject(outcome: str, application: str | None, stage: str | None, error: str | None) -> str:
    subject = f"{outcome}: {application or 'an unknown application'} to {stage or 'an unknown stage'}"
    if error:
        subject += f" ({error})"
    return re.sub(r"[^ -~]", "?", subject)[:_LONGEST_SUBJECT]


def _lines(
    outcome: str,
    execution: Execution,
    promotion: Promotion | None,
    raw_input: object,
    failure: Failure | None,
    endpoint_summary: str | None,
    started_by: str | None,
    runbook: str,
) -> Iterator[tuple[str, str]]:
    application, stage = _asked_for(promotion, raw_input)
    yield "Outcome", f"{outcome}{f', {failure.error}' if failure else ''}"
    yield "Asked for", f"{application or 'an unknown application'} to {stage or 'an unknown stage'}"
    if promotion:
        version = promotion.model.model_package_arn
        yield "Model", promotion.model.arn + (f", version {version}" if version else "")
        yield "From", _place(promotion.source)
        yield "To", f"{_place(promotion.target)}, endpoint {promotion.stage.endpoint}"
        if promotion.rollback_target:
            yield "Roll back", promotion.rollback_target.in_words
    else:
        yield "Input", _quoted(as_json(raw_input))
    if started_by:
        yield "Who", started_by
    yield "Began", f"{execution.started_at:%Y-%m-%d %H:%M:%S} UTC{_duration(promotion)}"
    yield "Serves now", endpoint_summary or _serves(outcome, promotion)
    if failure:
        yield _WHY, _quoted(failure.cause)
    yield "Next", _next(outcome, failure, promotion)
    yield "Look at", console(execution)
    yield "Read", runbook_page(outcome, failure.error if failure else None, runbook)


def _place(environment: Environment) -> str:
    return f"{environment.name} ({environment.account}, {environment.region})"


def _duration(promotion: Promotion | None) -> str:
    return f", took {promotion.result.seconds:.0f} s" if promotion and promotion.result else ""


def _serves(outcome: str, promotion: Promotion | None) -> str:
    """Say only what is certain: where a promotion failed is not in its document.

    A promotion that has its result serves, also if what follows has failed.
    """
    change = promotion.change if promotion else None
    if outcome == Refused.__name__:
        return "What it served before: nothing that serves was changed."
    if promotion is None or change is None:
        return _NOT_CHANGED
    ours = f"the model {promotion.desired_model.name} by the configuration {promotion.desired_config.name}"
    if outcome in _GOOD_OUTCOMES or promotion.result:
        return f"{ours[0].upper()}{ours[1:]}."
    before = f"the configuration {change.previous_config}" if change.previous_config else "nothing: it was the first"
    if outcome == RolledBack.__name__:
        return f"As before, {before}."
    return f"{_LOOK} Before: {before}. To be brought: {ours}."


def _next(outcome: str, failure: Failure | None, promotion: Promotion | None) -> str:
    if outcome in _GOOD_OUTCOMES:
        return "Nothing is to be done."
    if outcome == Outcome.ABORTED:
        again = "Promoting again is safe."
        return again if promotion and promotion.result else f"Look at what serves. {again}"
    docstring = _DOCSTRINGS.get(failure.error) if failure else None
    return docstring or "Read the execution's history. Promoting again is safe."


def _indented(text: str) -> str:
    """Return a cause with a line for each of its findings, which can be taken for no line of the announcement."""
    if not _FINDING.search(text):
        return one_line(text)
    return _INDENTED.join(one_line(line) for line in text.split("\n"))


def _quoted(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}… (the execution has all of it)"
