"""A client of the fault injection of a running sandbox."""

from typing import Any

from sandbox.aws.controls.client import ControlClient
from sandbox.aws.faults import paths
from sandbox.aws.faults.faults import Call, Fault, Kind, Layer


class FaultClient(ControlClient):
    """Injects faults at one layer."""

    def __init__(self, endpoint_url: str, ca_bundle: str, layer: Layer) -> None:
        super().__init__(endpoint_url, ca_bundle)
        self._layer = layer

    def inject(self, operation: str, kind: Kind | str = Kind.ERROR, **details: Any) -> Fault:
        """Add a fault; *details* are the other fields of Fault."""
        if details.get("each"):
            details = {"times": None, **details}
        fault = Fault(layer=self._layer, operation=operation, kind=Kind(kind), **details)
        self._call("POST", paths.of(self._layer), fault.to_json())
        return fault

    def pending(self) -> list[Fault]:
        """The faults that have not been injected yet, with the times that are left."""
        return [Fault.from_json(fields) for fields in self._call("GET", paths.of(self._layer))]

    def clear(self) -> None:
        """Drop the faults of this layer; with those of the steps, the recorded calls."""
        self._call("DELETE", paths.of(self._layer))

    def record(self) -> None:
        """Record every call of the steps from now on, until the faults of the steps are cleared."""
        self._call("POST", paths.CALLS_PATH)

    def calls(self) -> list[Call]:
        """The calls that the steps began, in order. A call that is retried is listed again."""
        return [Call(**fields) for fields in self._call("GET", paths.CALLS_PATH)["calls"]]

    def injected(self) -> list[tuple[Call, Kind]]:
        """The calls of steps into which a fault was injected since the last clear(), in order."""
        records = self._call("GET", paths.CALLS_PATH)["injected"]
        return [(Call(**record["call"]), Kind(record["kind"])) for record in records]
