"""What is tried ahead, by the role that will need it: each try returns what stands in its way.

Roles are entered by run.py; here is what each is asked.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.endpoint import rollout
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.images import references
from lambdas.promotion.preflight import constraints, iam_simulation, probes, queries, required_permissions
from lambdas.promotion.preflight.findings import CheckResult, Inconclusive

T = TypeVar("T")
Check = Callable[[], list[CheckResult]]

_MOST_READ = 1000  # objects, unless it is a dry run
# The pages of the quotas have the time that other questions may take too, and no more.
_SECONDS_FOR_QUOTAS = 4.0


def in_target(promotion: Promotion, transfers: Sequence[Transfer], deployer: RoleSession) -> Iterator[Check]:
    copied = next((one.artifact for one in transfers if one.exists), None)
    yield functools.partial(probes.verify, promotion, copied, s3=deployer.s3)
    to_come = {image.target for image in promotion.images}
    _ = deployer.ecr  # made here: a client is not made in several threads at once
    for address in references.named_in(promotion.desired_model.request):
        if address not in to_come:
            yield functools.partial(probes.pull, address, promotion, account=deployer)


def copies(promotion: Promotion, transfers: Sequence[Transfer], copier: RoleSession) -> Iterator[Check]:
    s3, route = copier.s3, promotion.route
    to_read = list(transfers) if promotion.request.dry_run else _sample(transfers)
    for one in to_read:
        yield functools.partial(probes.read, one.artifact, route, s3=s3)
    if len(to_read) < len(transfers):
        what = f"{len(transfers) - len(to_read)} of the {len(transfers)} objects"
        yield lambda: [Inconclusive(subject=what, reason="they were not read; Plan the copy looks at each")]
    of_buckets = {one.artifact.source.bucket: one.artifact for one in transfers if one.artifact.text is None}
    for artifact in of_buckets.values():
        yield functools.partial(probes.read_tags, artifact, route, s3=s3)
    missing = _missing(transfers)
    if missing:
        yield functools.partial(probes.put, missing[0], route, s3=s3)
    by_parts = [one for one in missing if partitioning.part_size(one, whole_if_possible=route.annotations)]
    if by_parts:
        yield functools.partial(probes.put_by_parts, by_parts[0], route, s3=s3)


def payloads(promotion: Promotion, readers: Mapping[bool, RoleSession]) -> Iterator[Check]:
    """What the smoke tests send is read before anything is created. `readers`: as of attempts.payload."""
    for one in readers.values():
        _ = one.s3  # made here: a client is not made in several threads at once
    for test in promotion.stage.smoke_tests:
        yield functools.partial(probes.payload, test.payload, promotion, readers=readers)


def query_checks(promotion: Promotion, now: CurrentDeployment | None, asker: RoleSession) -> Iterator[Check]:
    """What each question is for is constraints.py's to say; one that AWS does not answer is unproved."""
    config = rollout.of_stage(promotion.stage)
    yield lambda: [*constraints.excluded(promotion, now), *constraints.not_serverless(promotion)]
    if needed := constraints.required_instances(promotion, now, config):
        wanted = [constraints.quota_name(one) for one in needed]
        client = asker.quotas  # made here: a client is not made in several threads at once
        yield _query_check(
            lambda: queries.quotas(wanted, until=time.monotonic() + _SECONDS_FOR_QUOTAS, client=client),
            f"The quotas {', '.join(wanted)}",
            functools.partial(constraints.quotas, promotion, needed),
        )
    if alarms := rollout.alarms_of(config):
        yield _query_check(
            functools.partial(queries.alarm_states, alarms, client=asker.cloudwatch),
            f"The alarms {', '.join(alarms)}",
            functools.partial(constraints.alarms, promotion, alarms),
        )


def permissions(
    promotion: Promotion,
    transfers: Sequence[Transfer],
    missing_images: Sequence[ImageCopy],
    askers: Mapping[Role, RoleSession],
    *,
    endpoint_exists: bool,
    key: str | None,
) -> Iterator[Check]:
    artifacts = [one.artifact for one in transfers]
    read = [] if any(one.exists for one in transfers) else artifacts  # what is there was read
    of_duties = {
        Role.DEPLOYER: [
            *required_permissions.of_deployer(promotion, read, endpoint_exists=endpoint_exists, key=key),
            *required_permissions.of_preview(promotion),
            *required_permissions.of_execution_role(promotion, artifacts, key=key),
        ],
        Role.INVOKER: list(required_permissions.of_invoker(promotion)),
        Role.COPIER: list(required_permissions.of_copier(promotion, _missing(transfers), key=key)),
        Role.PUSHER: list(required_permissions.of_pusher(promotion, missing_images)),
    }
    for role, needed in of_duties.items():
        if needed and role in askers:
            iam = askers[role].iam
            for one in needed:
                yield functools.partial(iam_simulation.simulate, one, iam=iam)


def _query_check(ask: Callable[[], T], what: str, judge: Callable[[T], list[CheckResult]]) -> Check:
    def attempt() -> list[CheckResult]:
        found = queries.run_query(ask, what)
        return [found] if isinstance(found, Inconclusive) else judge(found)

    return attempt


def _sample(transfers: Sequence[Transfer]) -> list[Transfer]:
    """Return all of a few, and of very many as many from the whole list.

    The next step but one looks at each of them before it copies any, and a promotion does not wait for that twice.
    """
    step = -(-len(transfers) // _MOST_READ)
    return list(transfers[::step]) if step > 1 else list(transfers)


def _missing(transfers: Sequence[Transfer]) -> list[Artifact]:
    return [one.artifact for one in transfers if not one.exists]
