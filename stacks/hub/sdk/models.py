"""What the Lambdas carry of botocore's data: the services and operations that their code names, in botocore's format.

botocore reads the whole model of a service to make a client, and makes a method of each operation: SageMaker's has some
400, of which Promote calls a dozen. What is kept of a model is as it was, except for the documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader

Data = dict[str, Any]

_CLIENT_OF = re.compile(r'client\(\s*"([a-z0-9-]+)"')
_WORD = re.compile(r"[a-z][a-z0-9_]*")
# Of a service: its endpoints' rules as they are, and what has an entry for each operation.
_RULES = "endpoint-rule-set-1"
# The modules in which botocore's own features call a service by a client, such as S3's redirection to a Region.
_CALL = re.compile(r"client\.([a-z][a-z0-9_]*)\(")


def services(sources: Iterable[Path]) -> frozenset[str]:
    """Return the services of which the code makes clients, as botocore calls them."""
    return frozenset(service for source in sources for service in _CLIENT_OF.findall(source.read_text()))


def words(sources: Iterable[Path]) -> frozenset[str]:
    """Return all that may be the name of a method: also a text may be one (`get_paginator`)."""
    return frozenset(word for source in sources for word in _WORD.findall(source.read_text()))


def trim(botocore: Path, target: Path, methods: frozenset[str]) -> None:
    """Write to `target` what is needed of the data of a botocore, whose folder holds the services to keep.

    An operation is kept if its method is among `methods`, or if botocore itself calls it.
    """
    data = botocore / "data"
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    kept = methods | {call for source in sorted(botocore.glob("*.py")) for call in _CALL.findall(source.read_text())}
    prefixes: set[str] = set()
    for service in loader.list_available_services("service-2"):
        folder = target / service / loader.determine_latest_version(service, "service-2")
        model = _model(loader.load_service_model(service, "service-2"), kept)
        prefixes |= {service, model["metadata"]["endpointPrefix"], model["metadata"].get("signingName", service)}
        _write(folder / "service-2.json", model)
        _write(folder / f"{_RULES}.json", loader.load_service_model(service, _RULES))
        for kind, entries in _by_operation(loader, service, model["operations"]):
            _write(folder / f"{kind}.json", entries)
    for name in ("_retry", "partitions", "sdk-default-configuration"):
        _write(target / f"{name}.json", loader.load_data(name))
    _write(target / "endpoints.json", _endpoints(loader.load_data("endpoints"), prefixes))


def _model(model: Data, kept: frozenset[str]) -> Data:
    operations = {
        name: operation
        for name, operation in model["operations"].items()
        if xform_name(name) in kept or operation.get("endpointoperation")
    }
    shapes = _reachable(model["shapes"], operations.values())
    return {
        **model,
        "operations": _undocumented(operations),
        "shapes": {name: _undocumented(shape) for name, shape in model["shapes"].items() if name in shapes},
        "documentation": "",
    }


def _reachable(shapes: Data, operations: Iterable[Data]) -> set[str]:
    """Return the shapes of operations; all errors are among them, because a service may answer with any."""
    waiting = [name for operation in operations for name in _references(operation)]
    waiting += [name for name, shape in shapes.items() if shape.get("exception")]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _references(shapes[name])
    return reached


def _references(part: Any) -> Iterator[str]:
    """Yield the shapes to which a part of a model refers: `{"shape": name, …}`, at any depth."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _undocumented(part: Any) -> Any:
    """Return a part of a model without its texts: a field may be called "documentation", and is no text."""
    if isinstance(part, dict):
        return {
            name: _undocumented(inner)
            for name, inner in part.items()
            if name != "documentation" or not isinstance(inner, str)
        }
    return [_undocumented(inner) for inner in part] if isinstance(part, list) else part


def _by_operation(loader: Loader, service: str, operations: Data) -> Iterator[tuple[str, Data]]:
    """Yield the paginators and waiters of operations, each kind with the rest of its file."""
    for kind, member in (("paginators-1", "pagination"), ("waiters-2", "waiters")):
        try:
            file = loader.load_service_model(service, kind)
        except (DataNotFoundError, UnknownServiceError):
            continue
        entries = {name: entry for name, entry in file[member].items() if entry.get("operation", name) in operations}
        yield kind, {**file, member: entries}


def _endpoints(endpoints: Data, prefixes: set[str]) -> Data:
    """Return the partitions with all their Regions, and with the endpoints of these services."""
    return {
        **endpoints,
        "partitions": [
            {
                **partition,
                "services": {name: service for name, service in partition["services"].items() if name in prefixes},
            }
            for partition in endpoints["partitions"]
        ],
    }


def _write(file: Path, content: Data) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False))
