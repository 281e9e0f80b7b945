"""The errors with which a promotion can fail. The class name is what an operator reads in the Step Functions console.

Three families that never mix: Refused (a rule rejects it), RolledBack (the previous configuration is in service
again) and Errored (it could not be completed). Only Transient errors are retried. Each name has a runbook in
docs/runbooks; a test compares that folder with this file.
"""

from __future__ import annotations

from collections.abc import Iterator


class PromotionError(Exception):
    """Any failed outcome. The message is one text for a person: what is wrong, where, and what to do next."""


class Refused(PromotionError):
    """A rule rejects the promotion. Starting it again gives the same result until something is changed."""


class InvalidInput(Refused):
    """The execution's input is not valid. Correct it, then start again."""


class UnknownApplication(Refused):
    """The application is not in the deployed configuration. Add it to promotion.yaml and deploy the hub."""


class UnknownStage(Refused):
    """The application has no such stage. Add it to promotion.yaml and deploy the hub and the environment."""


class WrongAlias(Refused):
    """The execution was started by an alias that is not the stage's. Start it by the alias that the cause names."""


class ModelNotFound(Refused):
    """The source account has no such model. Check the name, the account and the Region."""


class ModelPackageNotFound(Refused):
    """The model registry has no such model package version. Check the ARN."""


class ModelPackageNotApproved(Refused):
    """The model registry does not show this version as Approved now. Approve it, then start again."""


class ApprovedVersionRequired(Refused):
    """The stage takes only approved versions of the application's group. Promote one; the cause says how."""


class WrongModelPackageGroup(Refused):
    """The version belongs to another group than the application's. Start the application that owns the group."""


class WrongSource(Refused):
    """The model is not in the environment that this stage takes models from. Promote it to an earlier stage first."""


class UnsupportedModel(Refused):
    """The model has parts that Promote does not support. The cause names each; nothing was dropped or created."""


class ArtifactNotFound(Refused):
    """An object that the model needs does not exist. Restore it or register the model again."""


class ArtifactChanged(Refused):
    """An object is no longer the one that was resolved or registered. Register the model again."""


class ImageNotFound(Refused):
    """An image that the model needs is not in its image registry. Push it there, or register the model again."""


class NameTaken(Refused):
    """A resource with the content-addressed name exists and differs. Find out who created it, then delete it."""


class BlockedByFailedEndpoint(Refused):
    """The endpoint is Failed, and SageMaker allows only its deletion. Delete the endpoint, then promote again."""


class EndpointLocked(Refused):
    """Another promotion holds the endpoint's lock, and the stage does not wait. Start again when that one has ended."""


class Superseded(Refused):
    """A newer model waits for the same endpoint, and the newest wins. Nothing was changed."""


class OlderModel(Refused):
    """A newer model was promoted to this endpoint. To promote the older one, start with "allow_older": true."""


class NothingToRollBackTo(Refused):
    """No earlier promotion of this stage is recorded as last known good. Promote a model by its name."""


class IncompatibleRollout(Refused):
    """The live endpoint excludes the update that the stage requires. Change the stage's rollout or its variants."""


class SamplePayloadUnusable(Refused):
    """The smoke test sends the version's sample payload, which is missing or no valid archive. Register it with one."""


class RolledBack(PromotionError):
    """The new configuration was rejected after the change began, and the previous one is in service again."""


class DeploymentRolledBack(RolledBack):
    """SageMaker returned the endpoint to its previous configuration. Read its reason, fix the model, then promote."""


class SmokeTestFailed(RolledBack):
    """The endpoint came into service and did not respond as its stage expects. Fix the model or the expectation."""


class Errored(PromotionError):
    """It could not be completed, for a reason outside the rules."""


class AccessDenied(Errored):
    """A role lacks a permission, or a resource policy denies it. Grant it (docs/iam.md), then start again."""

    def __init__(
        self, text: str, *, role: str = "", action: str = "", resource: str = "", message: str = "", remedy: str = ""
    ) -> None:
        """Keep role, action, resource and AWS's message apart, for a report of several denials.

        `remedy`: what to do, where that is known better than to grant the permission.
        """
        super().__init__(text)
        self.role, self.action, self.resource, self.message = role, action, resource, message
        self.remedy = remedy


class PreflightFailed(Errored):
    """Something that the promotion needs is missing or blocks it. Fix everything that is listed, then promote again."""


class ArtifactMismatch(Errored):
    """An object in the target is not the one that was resolved. Delete what the cause names, then promote again."""


class ImageNotAccessible(Errored):
    """The target may not pull an image that its model uses. Fix the repository's policy, then promote again."""


class ImageMismatch(Errored):
    """A copied image or layer does not have the digest that names it. Check the source's image, then promote again."""


class ModelDataNotAccessible(Errored):
    """SageMaker cannot read the copied artifacts with the execution role. Check its policies and the key's."""


class QuotaExceeded(Errored):
    """A quota of the account was reached. Request a higher quota or free resources, then promote again."""


class NoCapacity(Errored):
    """AWS had no instances for the new configuration. The model may be good: promote again, or take another type."""


class PreviewFailed(Errored):
    """The preview endpoint did not come into service; the live one was not changed. Fix the model, promote again."""


class PreviewNotDeleted(Errored):
    """The preview endpoint could not be deleted in time. Delete it: it costs money. Then promote again."""


class EndpointFailed(Errored):
    """The endpoint became Failed or OutOfService, or no update repairs it. Read the reason and do what it says."""


class RollbackFailed(Errored):
    """The update failed and so did SageMaker's rollback: a mix of both configurations may serve. Act now."""


class DeploymentSuperseded(Errored):
    """Another principal changed or deleted the endpoint during this promotion. Decide which change is to stay."""


class EndpointBusy(Errored):
    """Another change of the endpoint did not end before the deadline. Wait for it, then promote again."""


class LockLost(Errored):
    """The endpoint's lock was taken over while this promotion ran. Nothing was changed afterwards. Promote again."""


class RecordNotWritten(Errored):
    """The promotion ended as it reports, but its record could not be written. Promote again: that writes one."""


class DeploymentTimedOut(Errored):
    """The endpoint was not in service before the stage's deadline. Check the endpoint, then promote again."""


class PayloadUnusable(Errored):
    """A payload of the smoke test is missing or too large, so the model was not invoked. Upload a usable one."""


class ScalingIncomplete(Errored):
    """The endpoint's scaling is not complete. The cause names what is missing; resume it manually."""


class CallRefused(Errored):
    """AWS refused a call for a reason that Promote has no name for. The cause quotes AWS's message."""


class UnexpectedFault(Errored):
    """A fault in Promote itself. The step's log group has the trace: report it. Promoting again is safe."""


class Transient(Errored):
    """A passing error. The workflow retries these, and only these."""


class Throttled(Transient):
    """AWS throttled the calls, also after retries. Start the promotion again later."""


class ServiceUnavailable(Transient):
    """AWS did not respond, or responded with a server error, also after retries. Start the promotion again later."""


class SessionExpired(Transient):
    """The session of an assumed role ended during a step. If it recurs, check the hub's clock and the step."""


class OutOfTime(Transient):
    """A step had more work than fits in its runs. What it did is kept: promote again."""


class NotYetVisible(Transient):
    """A resource that was just created is not visible or usable yet. If it recurs, check it in the console."""


class ImageCopyInterrupted(Transient):
    """The copy of an image did not end within one run of its step. The next run continues with the missing layers."""


def every_error(family: type[PromotionError] = PromotionError) -> Iterator[type[PromotionError]]:
    """Yield each error that can be raised (a family's leaves): Step Functions has no inheritance."""
    children = family.__subclasses__()
    if not children:
        yield family
    for child in children:
        yield from every_error(child)
