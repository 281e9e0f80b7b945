"""Opens the sessions and reads the facts that several checks need, one after the other, before the checks run.

A role that cannot be assumed and a fact that cannot be read are results like those of the checks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import DesiredResource, ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.errors import AccessDenied, NameTaken, UnsupportedModel
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import current_deployment, model_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.images import ecr_client
from lambdas.promotion.images.access import image_reader_session, pusher_session
from lambdas.promotion.preflight import access, findings, probes, queries
from lambdas.promotion.preflight.access import Purpose, SessionKey, Statement
from lambdas.promotion.preflight.check import Check, query_statements
from lambdas.promotion.preflight.context import ArtifactKey, Context, NamedResource
from lambdas.promotion.preflight.findings import CheckResult, Inconclusive
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.access import scaler_session
from lambdas.promotion.smoke_test.access import payload_reader_session

T = TypeVar("T")

_ROLE_REMEDY = (
    "Deploy the environment's stack and the hub's: the role must exist, trust this step and know the configured "
    "external_id, and the step must be allowed to assume it."
)


def gather(
    promotion: Promotion, transfers: Sequence[Transfer], checks: Collection[Check]
) -> tuple[Context, list[CheckResult]]:
    """Return what the checks read, and the results so far. Raises Transient errors."""
    reading = _Reading(promotion)
    for role in access.required_roles(promotion):
        reading.enter(role, Purpose.QUERY, functools.partial(query_session, promotion, role, checks))
    context = Context(promotion=promotion, transfers=transfers)
    if deployer := reading.enter(Role.DEPLOYER, Purpose.DEPLOY, functools.partial(deployer_session, promotion)):
        context = reading.target_facts(context, deployer)
    artifacts = context.artifacts
    reading.enter(Role.COPIER, Purpose.COPY, lambda: copier_session(promotion, artifacts))
    if context.artifacts_to_copy:
        reading.enter(Role.RECEIVER, Purpose.RECEIVE, lambda: receiver_session(promotion))
    if any(check.purpose is Purpose.READ_PAYLOADS for check in checks):
        reading.enter(Role.READER, Purpose.READ_PAYLOADS, functools.partial(payload_reader_session, promotion))
    missing_images = reading.missing_images()
    for image in missing_images:
        reader = functools.partial(image_reader_session, promotion, image)
        reading.enter(Role.READER, Purpose.FETCH_IMAGE, reader, subject=image.source)
    return replace(context, sessions=reading.sessions, missing_images=tuple(missing_images)), reading.results


def read_current_deployment(endpoint: str, *, deployer: RoleSession, query: RoleSession) -> CurrentDeployment | None:
    return current_deployment.read_deployment(endpoint, sagemaker=deployer.sagemaker, configs=query.sagemaker)


def query_session(promotion: Promotion, role: Role, checks: Collection[Check] = ()) -> RoleSession:
    """Open a role's query session. Its policy allows what the facts below and the checks need."""
    statements = [*_statements(promotion, role), *query_statements(checks, promotion, role)]
    environment = access.environment_of(role, source=promotion.source, target=promotion.target)
    return access.query_session(promotion, environment, role, *access.merged(statements))


def _statements(promotion: Promotion, role: Role) -> list[Statement]:
    if role is not Role.DEPLOYER:
        return []
    previous = promotion.change.previous_config if promotion.change else None
    configs = [name for name in (previous, promotion.desired_config.name) if name]
    return [
        (["sagemaker:DescribeEndpointConfig"], [promotion.target_arn("endpoint-config", name) for name in configs]),
        (["kms:DescribeKey"], ["*"]),
    ]


@dataclass(frozen=True)
class _Reading:
    """The sessions and the results so far."""

    promotion: Promotion
    sessions: dict[SessionKey, RoleSession] = field(default_factory=dict)
    results: list[CheckResult] = field(default_factory=list)

    def enter(
        self, role: Role, purpose: Purpose, open_session: Callable[[], RoleSession], *, subject: str = ""
    ) -> RoleSession | None:
        """Open a session for the checks."""
        if session := self.assume(open_session):
            self.sessions[SessionKey(role=role, purpose=purpose, subject=subject)] = session
        return session

    def assume(self, open_session: Callable[[], RoleSession]) -> RoleSession | None:
        """Open a session. A role that cannot be assumed is reported once."""
        try:
            return open_session()
        except AccessDenied as error:
            finding = findings.denied(error, remedy=_ROLE_REMEDY)
            if finding not in self.results:
                self.results.append(finding)
            return None

    def read(self, call: Callable[[], T], subject: str) -> T | None:
        """Make a call that the checks need the response of. A refusal is reported."""
        try:
            return call()
        except probes.REFUSALS as error:
            self.results.append(probes.refusal(error, subject=subject, remedy=findings.GRANT_PERMISSION))
        return None

    def query(self, call: Callable[[], T], subject: str) -> T | None:
        """Make a call that the checks can do without the response of."""
        response = queries.run_query(call, subject)
        if isinstance(response, Inconclusive):
            self.results.append(response)
            return None
        return response

    def target_facts(self, context: Context, deployer: RoleSession) -> Context:
        """Return the context with what the target has now."""
        promotion, endpoint = self.promotion, self.promotion.stage.endpoint
        query = self.sessions.get(SessionKey(role=Role.DEPLOYER, purpose=Purpose.QUERY))
        current = self.read(
            lambda: read_current_deployment(endpoint, deployer=deployer, query=query or deployer),
            f"The current deployment of {endpoint}",
        )
        model = self._named(promotion.desired_model, model_client.find_same, deployer)
        endpoint_config = self._named(promotion.desired_config, endpoint_client.find_same_config, deployer)
        targets = self._targets_to_suspend(current)
        key = self._key(promotion.target, query) if query else None
        return replace(
            context,
            current=current,
            model=model,
            endpoint_config=endpoint_config,
            targets_to_suspend=targets,
            key=key,
        )

    def _named(self, desired: DesiredResource, find_same: Callable[..., bool], deployer: RoleSession) -> NamedResource:
        """Say whether the model or the configuration exists already, from an earlier promotion."""
        if self.promotion.restores_foreign_names:
            return NamedResource(exists=True)
        try:
            call = functools.partial(find_same, desired, sagemaker=deployer.sagemaker)
            return NamedResource(exists=bool(self.read(call, f"The resource {desired.name}")))
        except (NameTaken, UnsupportedModel) as error:
            return NamedResource(exists=True, conflict=str(error), error=type(error))

    def _targets_to_suspend(self, current: CurrentDeployment | None) -> tuple[str, ...]:
        """Return the scalable targets that block the update: scaling is suspended for it, so they are no findings.

        The scaler is assumed only if there can be any.
        """
        promotion = self.promotion
        if current is None or not current.config:
            return ()
        if current.request is not None and not variants_blocked_by_scaling(promotion, current):
            return ()
        scaler = self.assume(functools.partial(scaler_session, promotion))
        if scaler is None:
            return ()
        targets = self.query(
            functools.partial(_scaled_variants, promotion, current, scaler),
            f"The scalable targets of {promotion.stage.endpoint}",
        )
        return tuple(targets or ())

    def _key(self, target: Environment, query: RoleSession) -> ArtifactKey | None:
        """Return the key that the target's bucket is encrypted with."""
        alias = f"arn:aws:kms:{target.region}:{target.account}:{resource_names.artifact_key_alias(target.name)}"
        return self.query(functools.partial(queries.key_of, alias, kms=query.keys), f"The key {alias}")

    def missing_images(self) -> list[ImageCopy]:
        """Return the images that the target's registry does not have, as the pusher sees it."""
        missing = []
        for image in self.promotion.images:
            pusher = self.assume(functools.partial(pusher_session, self.promotion, image))
            if pusher is None:
                continue
            exists = functools.partial(ecr_client.exists, image.target, account=pusher)
            if self.read(exists, f"The image {image.target}") is False:
                missing.append(image)
        return missing


def _scaled_variants(promotion: Promotion, current: CurrentDeployment, scaler: RoleSession) -> list[str]:
    """Return the scaled variants that change. A configuration of another principal is seen by the scaler only."""
    if current.request is None:
        variants = scaling_client.configured(current.config, sagemaker=scaler.sagemaker)
        current = replace(current, request={"ProductionVariants": list(variants.values())})
    changing = variants_blocked_by_scaling(promotion, current)
    if not changing:
        return []
    return queries.scalable_targets(promotion.stage.endpoint, changing, client=scaler.autoscaling)


def variants_blocked_by_scaling(promotion: Promotion, current: CurrentDeployment | None) -> list[str]:
    """Return the variants that the change removes or gives other hardware.

    SageMaker refuses that while they are scalable targets (AWS: "Update endpoints that use automatic scaling").
    """
    if current is None:
        return []
    return scaling_targets.changed_variants(current.variants, scaling_targets.variants_of(promotion))
