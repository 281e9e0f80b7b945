"""Opens all sessions at once, and then reads at once the facts that several checks need, before the checks run.

A role that cannot be assumed and a fact that cannot be read are results like those of the checks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.aws import concurrency
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import DesiredResource, ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.errors import AccessDenied, NameTaken, UnsupportedModel
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.contract.time_limits import CONNECTIONS
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
# Fields of Context.
Facts = dict[str, Any]
Opening = Callable[[], RoleSession]

_QUERY = SessionKey(role=Role.DEPLOYER, purpose=Purpose.QUERY)
_DEPLOY = SessionKey(role=Role.DEPLOYER, purpose=Purpose.DEPLOY)
_ROLE_REMEDY = (
    "Deploy the environment's stack and the hub's: the role must exist, trust this step and know the configured "
    "external_id, and the step must be allowed to assume it."
)


def gather(
    promotion: Promotion, transfers: Sequence[Transfer], checks: Collection[Check], *, until: float
) -> tuple[Context, list[CheckResult]]:
    """Return what the checks read, and the results so far. `until`: of time.monotonic(). Raises Transient errors."""
    reading = _Reading(promotion, until=until)
    context = Context(promotion=promotion, transfers=transfers)
    reading.enter(_openings(context, checks))
    facts: Facts = {}
    for each in reading.at_once(reading.target_facts()):
        facts |= each
    reading.enter(
        {_fetch(image): functools.partial(image_reader_session, promotion, image) for image in facts["missing_images"]}
    )
    return replace(context, sessions=reading.sessions, **facts), reading.results


def _openings(context: Context, checks: Collection[Check]) -> dict[SessionKey, Opening]:
    """Return the sessions that the promotion needs, whatever the target has."""
    promotion, artifacts = context.promotion, context.artifacts
    openings: dict[SessionKey, Opening] = {
        SessionKey(role=role, purpose=Purpose.QUERY): functools.partial(query_session, promotion, role, checks)
        for role in access.required_roles(promotion)
    }
    openings[_DEPLOY] = functools.partial(deployer_session, promotion)
    openings[SessionKey(role=Role.COPIER, purpose=Purpose.COPY)] = lambda: copier_session(promotion, artifacts)
    if context.artifacts_to_copy:
        receive = SessionKey(role=Role.RECEIVER, purpose=Purpose.RECEIVE)
        openings[receive] = functools.partial(receiver_session, promotion)
    if any(check.purpose is Purpose.READ_PAYLOADS for check in checks):
        read_payloads = SessionKey(role=Role.READER, purpose=Purpose.READ_PAYLOADS)
        openings[read_payloads] = functools.partial(payload_reader_session, promotion)
    for image in promotion.images:
        openings[_push(image)] = functools.partial(pusher_session, promotion, image)
    return openings


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


def _fetch(image: ImageCopy) -> SessionKey:
    return SessionKey(role=Role.READER, purpose=Purpose.FETCH_IMAGE, subject=image.source)


def _push(image: ImageCopy) -> SessionKey:
    return SessionKey(role=Role.PUSHER, purpose=Purpose.PUSH, subject=image.target)


@dataclass(frozen=True)
class _Reading:
    """The sessions and the results so far. `until`: of time.monotonic()."""

    promotion: Promotion
    until: float
    sessions: dict[SessionKey, RoleSession] = field(default_factory=dict)
    results: list[CheckResult] = field(default_factory=list)

    def at_once(self, calls: Sequence[Callable[[_Reading], T]]) -> list[T]:
        """Make the calls at once. Their results are joined in the order of the calls, each once."""
        readings = [replace(self, results=[]) for _ in calls]
        bound = [functools.partial(call, reading) for call, reading in zip(calls, readings, strict=True)]
        values = concurrency.run(bound, at_once=CONNECTIONS, until=self.until, doing="The preflight")
        new = [result for reading in readings for result in reading.results]
        self.results.extend(result for result in dict.fromkeys(new) if result not in self.results)
        return values

    def enter(self, openings: Mapping[SessionKey, Opening]) -> None:
        """Open sessions for the checks, at once."""
        opened = self.at_once([functools.partial(_Reading.assume, open_session=each) for each in openings.values()])
        self.sessions.update({key: session for key, session in zip(openings, opened, strict=True) if session})

    def assume(self, open_session: Opening) -> RoleSession | None:
        """Open a session. A role that cannot be assumed is reported once."""
        try:
            return open_session()
        except AccessDenied as error:
            self.results.append(findings.denied(error, remedy=_ROLE_REMEDY))
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

    def target_facts(self) -> list[Callable[[_Reading], Facts]]:
        """Return the calls for what the target has now, which need not wait for each other."""
        calls: list[Callable[[_Reading], Facts]] = [_Reading.missing_images]
        if _DEPLOY in self.sessions:
            calls += [_Reading.deployment, _Reading.model, _Reading.endpoint_config, _Reading.key]
        return calls

    def deployment(self) -> Facts:
        endpoint, deployer = self.promotion.stage.endpoint, self.sessions[_DEPLOY]
        query = self.sessions.get(_QUERY, deployer)
        current = self.read(
            lambda: read_current_deployment(endpoint, deployer=deployer, query=query),
            f"The current deployment of {endpoint}",
        )
        return {"current": current, "targets_to_suspend": self._targets_to_suspend(current)}

    def model(self) -> Facts:
        return {"model": self._named(self.promotion.desired_model, model_client.find_same)}

    def endpoint_config(self) -> Facts:
        return {"endpoint_config": self._named(self.promotion.desired_config, endpoint_client.find_same_config)}

    def key(self) -> Facts:
        query = self.sessions.get(_QUERY)
        return {"key": self._key(self.promotion.target, query) if query else None}

    def _named(self, desired: DesiredResource, find_same: Callable[..., bool]) -> NamedResource:
        """Say whether the model or the configuration exists already, from an earlier promotion."""
        if self.promotion.restores_foreign_names:
            return NamedResource(exists=True)
        try:
            call = functools.partial(find_same, desired, sagemaker=self.sessions[_DEPLOY].sagemaker)
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

    def missing_images(self) -> Facts:
        """Return the images that the target's registry does not have, as the pusher sees it."""
        images = [image for image in self.promotion.images if _push(image) in self.sessions]
        exist = self.at_once([functools.partial(_Reading.image_exists, image=image) for image in images])
        return {"missing_images": tuple(image for image, exists in zip(images, exist, strict=True) if exists is False)}

    def image_exists(self, image: ImageCopy) -> bool | None:
        exists = functools.partial(ecr_client.exists, image.target, account=self.sessions[_push(image)])
        return self.read(exists, f"The image {image.target}")


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
