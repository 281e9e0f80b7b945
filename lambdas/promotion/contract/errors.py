"""How a promotion can end badly. The class name is what an operator reads in the Step Functions console.

Three families that never mix: Refused (a rule said no), RolledBack (the previous state serves again) and Errored
(it could not be done). Transient errors are the only ones that are retried. Each name has a runbook
in docs/runbooks; a test compares that folder with this file.
"""

from __future__ import annotations

from collections.abc import Iterator


class PromotionError(Exception):
    """Any bad ending. The message is one text for a person: what is wrong, where, and what to do next."""


class Refused(PromotionError):
    """A rule said no. Asking again gives the same answer until something is changed."""


class InvalidInput(Refused):
    """The execution input is not understood. Correct it and start again."""


class UnknownApplication(Refused):
    """The application is not in the deployed configuration. Add it to promotion.yaml and deploy the hub."""


class UnknownStage(Refused):
    """The application has no such stage. Add it to promotion.yaml and deploy the hub and the environment."""


class ModelNotFound(Refused):
    """The source account has no such model. Check the name, the account and the Region."""


class ModelPackageNotFound(Refused):
    """The registry has no such model package version. Check the ARN."""


class ModelPackageNotApproved(Refused):
    """The registry does not say Approved for this version now. Approve it, then start again."""


class WrongModelPackageGroup(Refused):
    """The version belongs to another group than the application's. Start the application that owns it."""


class WrongSource(Refused):
    """The model does not live where this stage takes models from. Promote it to an earlier stage first."""


class UnsupportedModel(Refused):
    """The model has parts that Promote cannot carry. It names each; nothing was dropped, nothing was created."""


class ArtifactNotFound(Refused):
    """An object that the model needs does not exist. Restore it or register the model again."""


class ArtifactChanged(Refused):
    """An object is no longer the one that was resolved or registered. Register the model again."""


class ImageNotFound(Refused):
    """An image that the model needs is not in its registry. Push it there, or register the model again."""


class NameTaken(Refused):
    """A resource with our content-addressed name exists and is different. Find out who made it, then delete it."""


class BlockedByFailedEndpoint(Refused):
    """The endpoint is Failed, and SageMaker allows only its deletion. Delete the endpoint, then promote again."""


class EndpointLocked(Refused):
    """Another promotion holds the endpoint's lock, and the stage does not wait. Start again when that one ended."""


class Superseded(Refused):
    """A newer model waits for the same endpoint, and the newest wins. Nothing was changed."""


class OlderModel(Refused):
    """A newer model was promoted to this endpoint. Ask for the older one with "allow_older": true."""


class NothingToRollBackTo(Refused):
    """The record knows no earlier good promotion of this stage that could serve again. Promote a model by its name."""


class IncompatibleRollout(Refused):
    """The live endpoint excludes the update that the stage wants. Change the stage's rollout or its variants."""


class SamplePayloadUnusable(Refused):
    """The smoke test wants the version's sample payload, which is missing or no such archive. Register it with one."""


class RolledBack(PromotionError):
    """The new configuration went live or tried to, was found bad, and the previous one serves again."""


class DeploymentRolledBack(RolledBack):
    """SageMaker returned the endpoint to its previous configuration. Read its reason, mend the model, promote."""


class SmokeTestFailed(RolledBack):
    """The endpoint came into service and did not answer as its stage expects. Mend the model or the expectation."""


class Errored(PromotionError):
    """It could not be done, for a reason outside the rules."""


class AccessDenied(Errored):
    """A role lacks a right, or a resource policy withholds it. Grant it (docs/iam.md), then start again."""

    def __init__(self, text: str, *, role: str = "", action: str = "", resource: str = "", message: str = "") -> None:
        """Keep apart who may not call what on what, and what AWS says, for whoever tells of several at once."""
        super().__init__(text)
        self.role, self.action, self.resource, self.message = role, action, resource, message


class PreflightFailed(Errored):
    """Something that the promotion will need is missing or in its way. Mend all that is listed, promote again."""


class ArtifactMismatch(Errored):
    """What lies in the target is not what was resolved. Delete what the cause says, if anything, and promote again."""


class ImageNotAccessible(Errored):
    """The target may not pull an image that its model will use. Mend the repository's policy, then promote again."""


class ImageMismatch(Errored):
    """A copied image or layer does not have the digest that names it. Look at the source's image, promote again."""


class ModelDataNotAccessible(Errored):
    """SageMaker cannot read the copied artifacts with the execution role. Check its policies and the key's."""


class QuotaExceeded(Errored):
    """An account limit was reached. Ask for a higher quota or free resources, then promote again."""


class NoCapacity(Errored):
    """AWS had no instances for the new configuration. The model may be good: promote again, or take another type."""


class PreviewFailed(Errored):
    """The trial endpoint did not come into service, so the real one was not touched. Mend the model, promote again."""


class PreviewNotDeleted(Errored):
    """The trial endpoint could not be removed in time. Delete it: it costs money. Then promote again."""


class EndpointFailed(Errored):
    """The endpoint became Failed or OutOfService. Read the reason; a Failed endpoint must be deleted first."""


class RollbackFailed(Errored):
    """The update failed and so did SageMaker's rollback: a mix of both configurations may serve. Act now."""


class DeploymentSuperseded(Errored):
    """Somebody else changed or deleted the endpoint during this promotion. Decide who wins, promote again."""


class EndpointBusy(Errored):
    """Somebody else's change of the endpoint did not end before the deadline. Wait for it, promote again."""


class LockLost(Errored):
    """The endpoint's lock was taken over while this promotion ran. Nothing was changed after that. Promote again."""


class RecordNotWritten(Errored):
    """The promotion ended as it says, but its record could not be written. Promote again: that writes one."""


class DeploymentTimedOut(Errored):
    """The endpoint was not in service before the stage's deadline. Look at the endpoint, then promote again."""


class PayloadUnusable(Errored):
    """A payload of the smoke test is not there or too large, so the model was not asked. Put it there."""


class ScalingIncomplete(Errored):
    """The endpoint is not scaled as it was or should be. The cause says what is missing; put it back by hand."""


class CallRefused(Errored):
    """AWS refused a call for a reason that Promote has no better name for. The cause quotes it."""


class UnexpectedFault(Errored):
    """A fault in Promote itself. The step's log group has the trace: report it. Promoting again is safe."""


class Transient(Errored):
    """Worth another try; the workflow retries these, and only these."""


class Throttled(Transient):
    """AWS asked to slow down, again and again. Start the promotion again later."""


class ServiceUnavailable(Transient):
    """AWS did not answer or answered with a server error, again and again. Start the promotion again later."""


class SessionExpired(Transient):
    """The session of an assumed role ended during a step. If it stays so, look at the hub's clock and the step."""


class OutOfTime(Transient):
    """A step had more to do than fits in one run, again and again. What it did is kept: promote again."""


class NotYetVisible(Transient):
    """A resource that was just made cannot be seen or used yet. If it stays so, look at it in the console."""


class ImageCopyInterrupted(Transient):
    """The copy of an image did not end within one run of its step. The next run goes on with the missing layers."""


def every_error(family: type[PromotionError] = PromotionError) -> Iterator[type[PromotionError]]:
    """Yield each error that can be raised (a family's leaves); Step Functions knows no inheritance."""
    children = family.__subclasses__()
    if not children:
        yield family
    for child in children:
        yield from every_error(child)
