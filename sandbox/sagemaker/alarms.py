"""CloudWatch alarms that guard a deployment."""

from ministack.services import cloudwatch

from sandbox.sagemaker.errors import Invalid
from sandbox.sagemaker.state import Record


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


def _find(name: str) -> Record | None:
    found: Record | None = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    return found
