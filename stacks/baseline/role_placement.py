"""Role placement: the environments in which a step assumes a role, and whose roles therefore trust the step."""

from __future__ import annotations

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import Step
from stacks.baseline import approvals
from stacks.config.topology import Configuration


def environments_with_role(configuration: Configuration, role: Role, step: Step) -> set[str]:
    """Return the environments in which a step assumes the role: only those in which the configuration requires it."""
    sources_of = configuration.sources()
    sources = {source for sources in sources_of.values() for source in sources}
    images = {source for source, _ in configuration.image_copies()}
    if role is Role.READER:
        only = {
            Step.RESOLVE_ROLLBACK: configuration.registries_of_approved_stages(),
            Step.PREFLIGHT: images | configuration.payload_sources(),
            Step.COPY_IMAGE: images,
            Step.CONFIRM_APPROVAL: set(approvals.model_registries(configuration)),
            Step.SMOKE_TEST: configuration.payload_sources(),
        }
        return only.get(step, sources)
    if role is Role.COPIER:
        return sources
    if role is Role.PUSHER:
        return {target for _, target in configuration.image_copies()}
    if role is Role.INVOKER:
        return configuration.environments_with_smoke_tests()
    return set(sources_of)
