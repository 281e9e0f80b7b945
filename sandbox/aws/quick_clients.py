"""Make botocore's clients cheap to make: what it computes anew for each of them is computed once for a process.

A function creates its clients anew for each event, where the session of each is narrowed to it. On AWS that costs some
CPU that delays nothing; in a suite of a thousand executions it costs half of the time. All that is kept here is the
same for every client: names of events, a service's rules for endpoints and its methods, and connections, which carry
no identity (each request is signed). Credentials and sessions are never shared.

It imports nothing of the sandbox, because it runs in the processes of the Lambdas as well.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterable
from typing import Any

import botocore.client
import botocore.endpoint
import botocore.hooks
import botocore.loaders
import botocore.regions

# All that is replaced here is botocore's own business, and has no types.
client: Any = botocore.client
endpoint: Any = botocore.endpoint
hooks: Any = botocore.hooks
loaders: Any = botocore.loaders
regions: Any = botocore.regions


def apply() -> None:
    """Let every client of this process that is made from now on share what it can. Once is enough."""
    if getattr(endpoint.EndpointCreator, "_is_quick", False):
        return
    endpoint.EndpointCreator._is_quick = True
    _keep_names_of_events()
    _look_at_code_for_kwargs()
    _keep_endpoint_rules()
    _keep_methods()
    _share_connections()


def keep_models(services: Iterable[str]) -> None:
    """Read the models of services now, for every session of this process and of its forks."""
    read: Any = loaders.JSONFileLoader.load_file
    files: dict[str, Any] = {}

    @functools.wraps(read)
    def load_file(loader: Any, path: str) -> Any:
        if path not in files:
            files[path] = read(loader, path)
        return files[path]

    loaders.JSONFileLoader.load_file = load_file
    loader = loaders.Loader()
    for service in services:
        for kind in ("service-2", "endpoint-rule-set-1"):
            with contextlib.suppress(loaders.UnknownServiceError):
                loader.load_service_model(service, kind)
    for file in ("endpoints", "partitions", "_retry", "sdk-default-configuration"):
        loader.load_data(file)


def _keep_names_of_events() -> None:
    compute: Any = hooks.EventAliaser._alias_event_name
    names: dict[str, str] = {}

    @functools.wraps(compute)
    def alias(aliaser: Any, event_name: str) -> Any:
        if aliaser._event_aliases is not hooks.EVENT_ALIASES:
            return compute(aliaser, event_name)
        if event_name not in names:
            names[event_name] = compute(aliaser, event_name)
        return names[event_name]

    hooks.EventAliaser._alias_event_name = alias


def _look_at_code_for_kwargs() -> None:
    inspect_all: Any = hooks.accepts_kwargs

    @functools.wraps(inspect_all)
    def accepts_kwargs(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is None or hasattr(function, "__wrapped__"):
            return inspect_all(function)
        return bool(code.co_flags & inspect.CO_VARKEYWORDS)

    hooks.accepts_kwargs = accepts_kwargs


def _keep_endpoint_rules() -> None:
    make: Any = regions.EndpointProvider
    # The loader keeps the data for as long as the process lives; here they are kept so that an id is not used again.
    providers: dict[tuple[int, int, Any], tuple[Any, ...]] = {}

    def provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
        key = (id(ruleset_data), id(partition_data), frozenset(excluded_params or ()))
        if key not in providers:
            providers[key] = (make(ruleset_data, partition_data, excluded_params), ruleset_data, partition_data)
        return providers[key][0]

    regions.EndpointProvider = provider


def _keep_methods() -> None:
    make: Any = client.ClientCreator._create_methods
    methods: dict[tuple[str, str], dict[str, Any]] = {}

    @functools.wraps(make)
    def create(creator: Any, service_model: Any) -> dict[str, Any]:
        key = (service_model.service_name, service_model.api_version)
        if key not in methods:
            methods[key] = make(creator, service_model)
        return dict(methods[key])

    client.ClientCreator._create_methods = create


def _share_connections() -> None:
    make: Any = endpoint.EndpointCreator.create_endpoint
    sessions: dict[str, Any] = {}

    def shared(**settings: Any) -> Any:
        key = repr(sorted(settings.items()))
        if key not in sessions:
            sessions[key] = endpoint.URLLib3Session(**settings)
        return sessions[key]

    @functools.wraps(make)
    def create(creator: Any, *args: Any, **settings: Any) -> Any:
        return make(creator, *args, **{"http_session_cls": shared, **settings})

    endpoint.EndpointCreator.create_endpoint = create
