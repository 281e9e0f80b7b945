"""What the probes of the checks read: the promotion, the open sessions, and the facts that several checks need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.errors import NameTaken, PromotionError
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.preflight.access import Purpose, SessionKey


@dataclass(frozen=True, kw_only=True)
class NamedResource:
    """Whether the target has a resource with the desired name, and in what it differs from the desired one, or may."""

    exists: bool = False
    conflict: str = ""
    error: type[PromotionError] = NameTaken


@dataclass(frozen=True, kw_only=True)
class ArtifactKey:
    """The KMS key that encrypts the target's artifact bucket. `state`: KMS' KeyState."""

    arn: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """`transfers`: each artifact, and whether its copy exists. A role that cannot be assumed has no session here.

    `key` is None where it could not be read. `missing_images`: those that the target's registry does not have.
    `targets_to_suspend`: scalable targets (ResourceId).
    """

    promotion: Promotion
    transfers: Sequence[Transfer] = ()
    sessions: Mapping[SessionKey, RoleSession] = field(default_factory=dict)
    current: CurrentDeployment | None = None
    model: NamedResource = NamedResource()
    endpoint_config: NamedResource = NamedResource()
    key: ArtifactKey | None = None
    missing_images: tuple[ImageCopy, ...] = ()
    targets_to_suspend: tuple[str, ...] = ()

    @property
    def artifacts(self) -> list[Artifact]:
        return [transfer.artifact for transfer in self.transfers]

    @property
    def artifacts_to_copy(self) -> list[Artifact]:
        return [transfer.artifact for transfer in self.transfers if not transfer.exists]

    @property
    def copied_artifact(self) -> Artifact | None:
        """One artifact whose copy exists, if there is any."""
        return next((transfer.artifact for transfer in self.transfers if transfer.exists), None)

    def has_session(self, role: Role, purpose: Purpose, *, subject: str | None = None) -> bool:
        """Say whether such a session is open, for any subject if none is given."""
        return any(
            key.role is role and key.purpose is purpose and subject in {None, key.subject} for key in self.sessions
        )

    def session(self, role: Role, purpose: Purpose = Purpose.QUERY, *, subject: str = "") -> RoleSession:
        """Return an open session. Raises KeyError where has_session is false: such a check is not probed."""
        return self.sessions[SessionKey(role=role, purpose=purpose, subject=subject)]
