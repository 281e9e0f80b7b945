"""The control paths of fault injection."""

from sandbox.aws.faults.faults import Layer

FAULTS_PATH = "/_sandbox/faults/"
CALLS_PATH = "/_sandbox/calls"
TAKE_PATH = "/_sandbox/calls/fault"


def of(layer: Layer) -> str:
    return FAULTS_PATH + layer
