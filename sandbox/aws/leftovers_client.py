"""Lets a running sandbox drop what it keeps of what is over."""

from sandbox.aws.faults.board_client import ControlClient

LEFTOVERS_PATH = "/_sandbox/leftovers"


class Leftovers(ControlClient):
    def drop(self) -> None:
        """Drop the histories of ended executions, but for their last event, and large objects."""
        self._call("DELETE", LEFTOVERS_PATH)
