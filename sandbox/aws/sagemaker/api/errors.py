"""What the service answers when it refuses."""

from typing import Any


class Refusal(Exception):
    """An error of the API: its code, its message and the HTTP status it travels with."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


class Invalid(Refusal):
    """The control plane's catch-all: bad names, duplicates, missing things and wrong states share one code."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class Conflict(Refusal):
    """The model registry's word for a clash."""

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)
