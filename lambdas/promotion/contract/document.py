"""The document that goes through the workflow. A step takes a Promotion and returns one with more known.

It carries references, never payloads (a state holds 256 KiB). What is in the API's own words is a plain dict in the
shape of the request that will be sent. Times are UTC, sizes are bytes.
"""

from __future__ import annotations

import base64
import enum
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from cattrs.errors import ClassValidationError
from cattrs.preconf.json import make_converter

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.settings import Environment, FirstDeployment, Hub, Stage, WhenLocked
from lambdas.promotion.contract.smoke_test_report import SmokeReport

T = TypeVar("T")

_converter = make_converter(forbid_extra_keys=True)
# For what an older or newer Promote has written down.
_lenient = make_converter()


class Outcome(enum.StrEnum):
    """How a promotion ends: the good outcomes, and the families of errors (errors.py).

    ABORTED: the execution was stopped from outside or timed out, which no state can catch.
    """

    PROMOTED = "Promoted"
    UNCHANGED = "Unchanged"
    PLANNED = "Planned"  # a dry run that found nothing in the way
    REFUSED = "Refused"
    ROLLED_BACK = "RolledBack"
    ERRORED = "Errored"
    ABORTED = "Aborted"


class Progress(enum.StrEnum):
    """The state of the endpoint's change; the workflow's choices read it."""

    NOTHING_TO_DO = "NothingToDo"
    CHANGE_REQUIRED = "ChangeRequired"
    BUSY = "Busy"
    IN_PROGRESS = "InProgress"
    BLOCKED_BY_SCALING = "BlockedByScaling"
    IN_SERVICE = "InService"
    NO_CAPACITY = "NoCapacity"


class RollbackProgress(enum.StrEnum):
    """The state of a rollback; the workflow's choice reads it.

    BUSY: another change must end first. IN_PROGRESS: an action was taken. BLOCKED_BY_SCALING: scalable targets must be
    suspended first. DONE: the previous configuration was observed to serve. DELETED: there was none, and the endpoint
    was deleted. KEPT: there was none, and the endpoint is kept as configured. SKIPPED: the endpoint's state is not this
    promotion's doing. NOT_NEEDED: the endpoint is as it was before.
    """

    BUSY = "Busy"
    IN_PROGRESS = "InProgress"
    BLOCKED_BY_SCALING = "BlockedByScaling"
    DONE = "Done"
    DELETED = "Deleted"
    KEPT = "Kept"
    SKIPPED = "Skipped"
    NOT_NEEDED = "NotNeeded"


class PreviewProgress(enum.StrEnum):
    """The state of a preview; the workflow's choices read it. DELETED: the preview endpoint does not exist any more."""

    IN_PROGRESS = "InProgress"
    IN_SERVICE = "InService"
    DELETED = "Deleted"


def _exactly(value: Any, kind: type) -> Any:
    """Refuse what would have to be converted: bool("false") is true."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


for _one in (_converter, _lenient):
    for _kind in (bool, int, str):
        _one.register_structure_hook(_kind, _exactly)
    for _names in (Outcome, Progress, RollbackProgress, PreviewProgress, WhenLocked, FirstDeployment):
        _one.register_structure_hook(_names, lambda value, names: names(value))


@dataclass(frozen=True, kw_only=True)
class Request:
    """The input of an execution: names only.

    `allow_older`: the model may be older than the one that was promoted last. `roll_back`: return to the last known
    good of the stage, without a model. `dry_run`: output the plan, change nothing. `requested_by`: who requested it,
    according to the input; unverified.
    """

    application: str
    stage: str
    model_name: str | None = None
    model_package_arn: str | None = None
    allow_older: bool = False
    roll_back: bool = False
    requested_by: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The Step Functions execution that this promotion is."""

    arn: str
    started_at: datetime

    @property
    def promotion_id(self) -> str:
        """The execution's name; it stands on every log line."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """One version of an object as it was resolved. `checksum` is "<algorithm>:<base64>" of the full object."""

    bucket: str
    key: str
    etag: str
    size: int
    version_id: str | None = None
    checksum: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An object that the model needs, and its key in the target's bucket.

    `text`: the object's content where it is not the source's own, but one with the addresses in it rewritten;
    `source` then has that text's size and checksum.
    """

    source: S3Object
    key: str
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How an artifact is copied: by one request, or by parts of an open upload. `exists`: it needs no copy."""

    artifact: Artifact
    exists: bool = False
    upload_id: str | None = None
    part_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A transfer in a unit: the whole, or its parts from `first` to `last`, which count from 1."""

    transfer: Transfer
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, kw_only=True)
class WorkUnit:
    """What one run of the copying step does."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """How many objects the model needs, and their bytes. Their list is in the hub's bucket (work_lists.py)."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class CopyRoute:
    """From where to where is copied. `tags`, `annotations`: whether an object's go along."""

    source: Environment
    target: Environment
    tags: bool = False
    annotations: bool = False


@dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """What is to be copied, and in how many work units; `manifest` is the key of the Map's items."""

    objects: int
    bytes: int
    work_units: int
    manifest: str


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What this execution has copied."""

    objects: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class CopyVerification:
    """Of how many copies the checksum is the source's own, and how many have only the size to compare.

    Where the source has no full-object checksum, the copy computes one: it proves that the copy stays what it is,
    not that it was the source's content.
    """

    compared: int = 0
    computed: int = 0


@dataclass(frozen=True, kw_only=True)
class ImageCopy:
    """A private image, by its URI with digest in the source and in the target's own registry.

    `copied`: whether this promotion copied it; None before the copy.
    """

    source: str
    target: str
    copied: bool | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = _converter.unstructure(self)
        return document


@dataclass(frozen=True, kw_only=True)
class SourceModel:
    """What is promoted: a model, or a version in the registry.

    `made_at` is when the model was made where it was trained, through however many stages it came: it says which of
    two models is older. `approved_by` is who the registry says changed the version last, in its own words.
    `sample_payload`: the version's archive with a sample request, where a smoke test of the stage sends it.
    """

    arn: str
    created_at: datetime
    made_at: datetime
    model_package_arn: str | None = None
    approved_by: str | None = None
    sample_payload: S3Object | None = None


@dataclass(frozen=True, kw_only=True)
class DesiredResource:
    """A resource by its content-addressed name, and the request that makes it (without the tags)."""

    name: str
    request: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of the endpoint.

    `previous_modified_at` tells a stale answer from a rollback. `adopted`: another execution began the change to our
    configuration. `requested`: this one has requested it at least once, so that it may be its own. `capacity_failures`:
    how often AWS had no instances for it. `poll_count`: how often the endpoint was polled since.
    """

    progress: Progress
    previous_config: str | None = None
    previous_modified_at: datetime | None = None
    adopted: bool = False
    requested: bool = False
    capacity_failures: int = 0
    poll_count: int = 0


@dataclass(frozen=True, kw_only=True)
class KnownGood:
    """A promotion with a good outcome, to which the endpoint can be rolled back. `record_key` is its record's key."""

    record_key: str
    promotion_id: str
    config: str
    model: str
    made_at: datetime
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The endpoint's lock, which this promotion holds, and what its item records of the endpoint.

    `fence` grows with each owner. `last_known_good`: the endpoint's promotions with a good outcome, newest first.
    """

    fence: int
    last_known_good: tuple[KnownGood, ...] = ()

    @property
    def current(self) -> KnownGood | None:
        """What serves according to the record."""
        return self.last_known_good[0] if self.last_known_good else None


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """The rollback after a failure.

    `to_config` is the configuration to return to, `endpoint_summary` one sentence for a person on what serves.
    `poll_count`: how often the endpoint was polled. `deleting`: a Failed endpoint is being deleted to be created anew;
    `recreated`: it was.
    """

    progress: RollbackProgress
    began_at: datetime
    to_config: str | None = None
    endpoint_summary: str = ""
    poll_count: int = 0
    deleting: bool = False
    recreated: bool = False


@dataclass(frozen=True, kw_only=True)
class SuspendedScaling:
    """How many scalable targets were suspended for the update; `list_key` is the key of the list of them."""

    targets: int
    list_key: str


@dataclass(frozen=True, kw_only=True)
class PreviewEndpoint:
    """The temporary endpoint that is smoke-tested before traffic moves, and its configuration, by their names.

    `poll_count`: how often its deletion was polled. `smoke`: what the smoke tests sent and received.
    """

    progress: PreviewProgress
    endpoint: str
    config: str
    deletion_began_at: datetime | None = None
    poll_count: int = 0
    smoke: SmokeReport | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a promotion failed: the error's name, its family and one text for a person."""

    error: str
    family: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """The execution's output.

    `artifacts_verified_by_checksum`: how many copies have the full-object checksum that the source had;
    `artifacts_verified_by_size`: the others, whose source has none.
    Both are None if the endpoint served this already and nothing was verified.
    `smoke`: what the smoke tests sent and received, if the stage has any; `preview`: the same on the preview endpoint.
    """

    outcome: Outcome
    application: str
    stage: str
    source_model: str
    source_model_package: str | None
    target_model: str
    endpoint_config: str
    endpoint: str
    previous_endpoint_config: str | None
    artifacts: int
    artifacts_copied: int
    bytes_copied: int
    artifacts_verified_by_checksum: int | None
    artifacts_verified_by_size: int | None
    images_copied: tuple[str, ...]
    smoke: SmokeReport | None
    preview: SmokeReport | None = None
    started_at: datetime
    ended_at: datetime
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One model to one stage."""

    request: Request
    execution: Execution
    hub: Hub
    stage: Stage
    source: Environment
    target: Environment
    external_id: str | None
    deadline: datetime
    model: SourceModel
    digest: str
    artifacts: Artifacts
    desired_model: DesiredResource
    desired_config: DesiredResource
    tags: dict[str, str]
    images: tuple[ImageCopy, ...] = ()
    copy: CopyPlan | None = None
    copied: Copied = Copied()
    verification: CopyVerification | None = None
    lock: Lock | None = None
    change: Change | None = None
    rollback: Rollback | None = None
    preview: PreviewEndpoint | None = None
    smoke: SmokeReport | None = None
    plan: dict[str, Any] | None = None  # a dry run's output (dry_run_plan.py)
    suspended_scaling: SuspendedScaling | None = None
    result: Result | None = None

    def with_change(self, change: Change) -> Promotion:
        return replace(self, change=change)

    def with_outcome(self, outcome: Outcome, *, at: datetime) -> Promotion:
        """Add the result: what was promoted, where it is now and what it cost."""
        return replace(
            self,
            result=Result(
                outcome=outcome,
                application=self.request.application,
                stage=self.stage.name,
                source_model=self.model.arn,
                source_model_package=self.model.model_package_arn,
                target_model=self.target_arn("model", self.desired_model.name),
                endpoint_config=self.target_arn("endpoint-config", self.desired_config.name),
                endpoint=self.target_arn("endpoint", self.stage.endpoint),
                previous_endpoint_config=self._previous_config_arn(),
                artifacts=self.artifacts.objects,
                artifacts_copied=self.copied.objects,
                bytes_copied=self.copied.bytes,
                artifacts_verified_by_checksum=self.verification.compared if self.verification else None,
                artifacts_verified_by_size=self.verification.computed if self.verification else None,
                images_copied=tuple(image.target for image in self.images if image.copied),
                smoke=self.smoke,
                preview=self.preview.smoke if self.preview else None,
                started_at=self.execution.started_at,
                ended_at=at,
                seconds=round((at - self.execution.started_at).total_seconds(), 3),
            ),
        )

    @property
    def route(self) -> CopyRoute:
        stage = self.stage
        return CopyRoute(
            source=self.source, target=self.target, tags=stage.copy_tags, annotations=stage.copy_annotations
        )

    @property
    def artifact_prefix(self) -> str:
        """Where this stage's artifacts lie in the target's bucket: a prefix with its slash."""
        return resource_names.stage_prefix(self.request.application, self.stage.name)

    @property
    def endpoint_key(self) -> str:
        """The key of the endpoint's item in the hub's table."""
        return self.target.endpoint_key(self.stage.endpoint)

    @property
    def endpoint_in_words(self) -> str:
        """The endpoint as the beginning of a sentence names it to a person, with where it is."""
        return f"The endpoint {self.stage.endpoint} in {self.target.name} ({self.target.account})"

    @property
    def work_lists_prefix(self) -> str:
        """Where this promotion's lists lie in the hub's bucket: a prefix with its slash."""
        return resource_names.work_lists_prefix(self.execution.promotion_id)

    def target_arn(self, kind: str, name: str) -> str:
        """ARN of a SageMaker resource in the target; SageMaker writes names in ARNs in lower case."""
        return f"arn:aws:sagemaker:{self.target.region}:{self.target.account}:{kind}/{name.lower()}"

    def _previous_config_arn(self) -> str | None:
        previous = self.change.previous_config if self.change else None
        # Somebody else's name is written as they wrote it, so that it can be copied back.
        place = f"{self.target.region}:{self.target.account}"
        return f"arn:aws:sagemaker:{place}:endpoint-config/{previous}" if previous else None

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> Promotion:
        return from_json(document, Promotion)


def from_json(document: Any, kind: type[T]) -> T:
    """Any part of the document, or an event of a step. Raises if a field is missing, unknown or of another type."""
    return _converter.structure(document, kind)


def from_lenient_json(document: dict[str, Any], kind: type[T]) -> T:
    """Any part of the document as another version of Promote wrote it. Raises ValueError if it cannot be understood."""
    try:
        return _lenient.structure(document, kind)
    except ClassValidationError as error:
        raise ValueError(f"{kind.__name__} cannot be understood: {error}") from error


def sha256(text: str) -> str:
    """Return a text's checksum as S3 writes it, with its algorithm."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def to_json(item: Any) -> dict[str, Any]:
    """Any part of the document as JSON."""
    document: dict[str, Any] = _converter.unstructure(item)
    return document


def to_line(item: Any) -> bytes:
    """One item of a list as a line of JSON."""
    return _converter.dumps(item, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass") + b"\n"


def from_line(line: bytes, kind: type[T]) -> T:
    return _converter.loads(line.decode(errors="surrogatepass"), kind)
