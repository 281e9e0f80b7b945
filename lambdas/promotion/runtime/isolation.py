"""Several actions of which none may prevent another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lambdas.promotion.contract.errors import PromotionError, Transient
from lambdas.promotion.runtime.handler import named

T = TypeVar("T")


@dataclass
class Isolation:
    """Runs actions and keeps what each returned, or how it failed. `step`: the handler's module, for the messages."""

    step: str
    done: dict[str, object] = field(default_factory=dict)
    failures: dict[str, PromotionError] = field(default_factory=dict)

    def attempt(self, title: str, action: Callable[[], T]) -> T | None:
        """Run an action; return its result, or None if it failed."""
        try:
            result = action()
        except Exception as error:
            self.failures[title] = error if isinstance(error, PromotionError) else named(error, self.step)
            return None
        self.done[title] = result
        return result

    def require_all_done(self) -> None:
        """Raise the failure, or of several the first that no retry fixes, with the messages of all."""
        failures = list(self.failures.values())
        if not failures:
            return
        first = next((error for error in failures if not isinstance(error, Transient)), failures[0])
        if len(failures) == 1:
            raise first
        # Actions that fail for the same reason report it once.
        messages = {str(error): title for title, error in reversed(self.failures.items())}
        raise type(first)("\n".join(f"{title}: {message}" for message, title in reversed(messages.items()))) from first
