"""CloudWatch alarms that guard a deployment."""

from ministack.services import cloudwatch

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.state import Record


class Raised(Exception):
    """An alarm that guards a deployment is in ALARM; the text is the FailureReason."""


def of_policy(policy: Record) -> list[str]:
    guarded = policy.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return [alarm["AlarmName"] for alarm in guarded]


def require_existing(policy: Record) -> None:
    missing = [name for name in of_policy(policy) if _find(name) is None]
    if missing:
        raise Invalid(f"The following alarms could not be found in CloudWatch: {', '.join(missing)}")


def require_quiet(policy: Record) -> None:
    """Raise Raised when one of the policy's alarms is in ALARM."""
    raised = [name for name in of_policy(policy) if (_find(name) or {}).get("StateValue") == "ALARM"]
    if raised:
        raise Raised(
            "Deployment rolled back because the following alarms were in ALARM state: " + ", ".join(raised) + "."
        )


def calling(arn: str) -> list[Record]:
    """The alarms that call a scaling policy, by its ARN."""
    return [alarm for alarm in cloudwatch._alarms.values() if arn in alarm.get("AlarmActions", [])]


def stop_calling(arn: str) -> None:
    """A deleted step scaling policy takes itself out of its alarms, and leaves them (API: DeleteScalingPolicy)."""
    for alarm in calling(arn):
        alarm["AlarmActions"] = [action for action in alarm["AlarmActions"] if action != arn]


def _find(name: str) -> Record | None:
    alarm: Record | None = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    return alarm
