"""The roles in an environment, which the steps assume."""

from __future__ import annotations

import enum


class Role(enum.StrEnum):
    """A role in an environment, by what it is for."""

    READER = "reader"
    COPIER = "copier"
    RECEIVER = "receiver"
    PUSHER = "pusher"
    DEPLOYER = "deployer"
    INVOKER = "invoker"
    SCALER = "scaler"
    AUDITOR = "auditor"
    EXECUTION = "execution"
