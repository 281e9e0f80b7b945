"""Make botocore's clients cheap to make: what it computes anew for each of them is computed once for a process.

A function creates its clients anew for each event, where the session of each is narrowed to it. On AWS that costs some
CPU that delays nothing; in a suite of a thousand executions it costs half of the time. All that is kept here is the
same for every client: names of events, a service's rules for endpoints and its methods, and connections, which carry
no identity (each request is signed). Credentials and sessions are never shared.

It imports nothing of the sandbox, because it runs in the processes of the Lambdas as well.
"""

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import botocore.client
import botocore.endpoint
import botocore.hooks
import botocore.loaders
import botocore.regions
import botocore.session

# All that is replaced here is botocore's own business, and has no types.
client: Any = botocore.client
endpoint: Any = botocore.endpoint
hooks: Any = botocore.hooks
loaders: Any = botocore.loaders
regions: Any = botocore.regions
session: Any = botocore.session


def apply() -> None:
    """Let every client of this process that is made from now on share what it can. Once is enough."""
    if getattr(endpoint.EndpointCreator, "_is_quick", False):
        return
    endpoint.EndpointCreator._is_quick = True
    # Each session reads the models of its clients anew, of which SageMaker's alone takes 40 MB, after it has looked at
    # the folders of all services; and each client looks for proxies in all environment variables, twice.
    _keep(loaders.JSONFileLoader, "load_file", lambda _, path: path)
    _keep(loaders.Loader, "list_available_services", lambda loader, type_name: (type_name, _folders(loader)))
    _keep(
        client.ClientCreator,
        "_load_service_model",
        lambda creator, service_name, api_version=None: (service_name, api_version, _folders(creator._loader)),
    )
    _keep(endpoint.EndpointCreator, "_get_proxies", lambda _, url: url)
    _keep_names_of_events()
    _look_at_code_for_kwargs()
    _copy_handlers()
    _keep_builtin_handlers()
    _keep_endpoint_rules()
    _keep_methods()
    _share_connections()


def read_models(services: Iterable[str]) -> None:
    """Read what the clients of services need now, for every session of this process and of its forks."""
    loader = loaders.Loader()
    for service in services:
        for kind in ("service-2", "endpoint-rule-set-1"):
            with contextlib.suppress(loaders.UnknownServiceError):
                loader.load_service_model(service, kind)
    for file in ("endpoints", "partitions", "_retry", "sdk-default-configuration"):
        loader.load_data(file)


def _keep(owner: Any, name: str, key: Callable[..., Any]) -> None:
    """Let a method compute once for each key, whatever object of its class it is called on."""
    compute: Any = getattr(owner, name)
    results: dict[Any, Any] = {}

    @functools.wraps(compute)
    def look_up(*arguments: Any, **more: Any) -> Any:
        identity = key(*arguments, **more)
        if identity not in results:
            results[identity] = compute(*arguments, **more)
        return results[identity]

    setattr(owner, name, look_up)


def _folders(loader: Any) -> tuple[str, ...]:
    """Where a loader looks: each session of boto3 that shares it adds the same folder once more."""
    return tuple(dict.fromkeys(loader.search_paths))


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

    def copy_aliaser(aliaser: Any) -> Any:
        return aliaser.__class__(copy.copy(aliaser._emitter), aliaser._event_aliases)

    hooks.EventAliaser._alias_event_name = alias
    hooks.EventAliaser.__copy__ = copy_aliaser  # botocore's copies the aliases too, which nothing changes


def _look_at_code_for_kwargs() -> None:
    inspect_all: Any = hooks.accepts_kwargs

    @functools.wraps(inspect_all)
    def accepts_kwargs(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is None or hasattr(function, "__wrapped__"):
            return inspect_all(function)
        return bool(code.co_flags & inspect.CO_VARKEYWORDS)

    hooks.accepts_kwargs = accepts_kwargs


def _copy_handlers() -> None:
    """Each client has a copy of its session's handlers. botocore looks at every member of every node for its type."""
    of_a_node = hooks.NodeList

    def copy_node(node: dict[str, Any]) -> dict[str, Any]:
        children, values = node["children"], node["values"]
        return {
            "chunk": node["chunk"],
            "children": {part: copy_node(child) for part, child in children.items()} if children else {},
            "values": of_a_node(*(handlers[:] for handlers in values)) if values else None,
        }

    def copy_trie(trie: Any) -> Any:
        copied = trie.__class__()
        copied._root = copy_node(trie._root)
        return copied

    hooks._PrefixTrie.__copy__ = copy_trie


def _keep_builtin_handlers() -> None:
    """Every session registers the same hundreds of handlers, all of them functions of botocore's modules."""
    register: Any = session.Session._register_builtin_handlers
    registered: Any = session.Session()._events

    @functools.wraps(register)
    def register_all(new: Any, events: Any) -> None:
        emitter: Any = getattr(events, "_emitter", None)
        if type(emitter) is not hooks.HierarchicalEmitter or emitter._handlers._root["children"]:
            register(new, events)
            return
        emitter.__dict__.update(copy.copy(registered._emitter).__dict__)

    session.Session._register_builtin_handlers = register_all


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
