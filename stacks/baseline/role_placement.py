"""Where each step works: the environments whose roles it assumes, and which trust it in return."""

from __future__ import annotations

from lambdas.promotion.contract.resource_names import STEPS_OF_TRIALS, Duty, Step
from stacks.baseline import approvals
from stacks.config.schema import Configuration


def places(configuration: Configuration, duty: Duty, step: Step) -> set[str]:
    """Return the environments in which a step that has the duty comes to it: only where something needs it."""
    sources_of = configuration.sources()
    sources = {source for sources in sources_of.values() for source in sources}
    images = {source for source, _ in configuration.image_copies()}
    if duty is Duty.READER:
        only = {
            Step.CHECK_AHEAD: images | configuration.payload_sources(),
            Step.COPY_IMAGE: images,
            Step.CONFIRM_APPROVAL: set(approvals.registries(configuration)),
            Step.SMOKE_TEST: configuration.payload_sources(),
        }
        return only.get(step, sources)
    if duty is Duty.COPIER:
        return sources
    if duty is Duty.PUSHER:
        return {target for _, target in configuration.image_copies()}
    if duty is Duty.INVOKER:
        return configuration.tested()
    return configuration.tried() if step in STEPS_OF_TRIALS else set(sources_of)
