"""How far a promotion is: the values that the choices of the state machine compare."""

from __future__ import annotations

import enum


class Outcome(enum.StrEnum):
    """How a promotion ends: the successful outcomes, and the families of errors (errors.py).

    ABORTED: the execution was stopped from outside or ran out of time, which no state can catch.
    """

    PROMOTED = "Promoted"
    UNCHANGED = "Unchanged"
    PLANNED = "Planned"  # a dry run without a blocker
    REFUSED = "Refused"
    ROLLED_BACK = "RolledBack"
    ERRORED = "Errored"
    ABORTED = "Aborted"


class Progress(enum.StrEnum):
    """How far the change of the endpoint is; the choices of the state machine compare it."""

    NOTHING_TO_DO = "NothingToDo"
    CHANGE_REQUIRED = "ChangeRequired"
    BUSY = "Busy"
    IN_PROGRESS = "InProgress"
    BLOCKED_BY_SCALING = "BlockedByScaling"
    IN_SERVICE = "InService"
    NO_CAPACITY = "NoCapacity"


class RollbackProgress(enum.StrEnum):
    """How far a rollback is; a choice of the state machine compares it.

    BUSY: another change of the endpoint has to end first, or the endpoint must be polled once more. DONE: the previous
    configuration was observed in service. DELETED: there was none, and the endpoint is deleted. KEPT: there was none,
    and the stage keeps the endpoint. SKIPPED: the current change of the endpoint is not this promotion's. NOT_NEEDED:
    the endpoint is as it was before. BLOCKED_BY_SCALING: scalable targets have to be suspended first.
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
    """How far the preview is; choices of the state machine compare it. DELETED: the preview endpoint is deleted."""

    IN_PROGRESS = "InProgress"
    IN_SERVICE = "InService"
    DELETED = "Deleted"


class Leg(enum.StrEnum):
    """The two legs of a copy: to where the source may write, and from there to where models are read."""

    BRING = "bring"  # by the copier, from the source's bucket into the incoming prefix of the target's
    RECEIVE = "receive"  # by the receiver, from the incoming prefix to the artifact prefix
