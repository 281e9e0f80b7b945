"""Clients of botocore, which share what does not depend on whose they are.

boto3 would make the same ones, but importing it costs a cold start 16 ms: for transfers and resources that no step
uses.
"""

from __future__ import annotations

from typing import Any, Protocol

from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.hooks import HierarchicalEmitter
from botocore.session import Session

# Every client copies the handlers of its session, so nothing that a client registers reaches another one.
_handlers = HierarchicalEmitter()
# One loader for all clients: botocore then reads a service's model once, whatever account the client is for.
_first = Session(event_hooks=_handlers)


class Clients(Protocol):
    """What makes clients: a ClientFactory, or a session of boto3."""

    @property
    def region_name(self) -> str | None: ...

    def client(self, service_name: Any, *, config: Config | None = None, region_name: str | None = None) -> Any: ...


class ClientFactory:
    """Makes clients with the credentials of a role, or with those of the process."""

    def __init__(self, credentials: RefreshableCredentials | None = None) -> None:
        self._session = Session(event_hooks=_handlers, include_builtin_handlers=False) if credentials else _first
        if credentials:
            self._session.register_component("data_loader", _first.get_component("data_loader"))
            provider = _AssumedRoleProvider(credentials)
            self._session.register_component("credential_provider", CredentialResolver([provider]))

    @property
    def region_name(self) -> str | None:
        region: str | None = self._session.get_config_variable("region")
        return region

    def client(self, service_name: Any, *, config: Config | None = None, region_name: str | None = None) -> Any:
        """Return a client; without a Region, of that of the process."""
        return self._session.create_client(service_name, config=config, region_name=region_name)


class _AssumedRoleProvider(CredentialProvider):
    """Provide the credentials of an assumed role to botocore."""

    METHOD = "assume-role"

    def __init__(self, credentials: RefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> RefreshableCredentials:
        return self._credentials
