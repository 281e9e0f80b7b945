"""The account that is asked: a profile's, in its Region, on AWS or on another endpoint that answers as AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from conformance.guard import guard

# API: InvokeEndpoint answers within 60 s.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, read_timeout=70)
# Until a new role, or a new policy of it, holds everywhere (IAM user guide: changes are not always visible at once).
SETTLE_SECONDS = 12.0


class NoAccount(Exception):
    """The profile leads to no account; the message says what AWS answered, or which setting is missing."""


@dataclass(frozen=True)
class Account:
    """An account in a Region. Its clients, but `unguarded` ones, change only what has the run's name."""

    session: boto3.Session
    profile: str
    number: str
    region: str
    partition: str

    @staticmethod
    def of_profile(profile: str, region: str | None = None) -> Account:
        """Ask STS whose the profile is. Raises NoAccount."""
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            if not session.region_name:
                raise NoAccount(f"the profile {profile} has no Region: set one in it, or pass --region")
            identity = session.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise NoAccount(f"the profile {profile} leads to no account: {error}") from error
        partition = identity["Arn"].split(":")[1]
        return Account(session, profile, identity["Account"], session.region_name, partition)

    @property
    def is_aws(self) -> bool:
        """Whether requests go to AWS itself: AWS_ENDPOINT_URL, or the profile, may name another endpoint."""
        host = urlsplit(self.session.client("sts").meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def settle_seconds(self) -> float:
        return SETTLE_SECONDS if self.is_aws else 0.0

    def client(
        self,
        service: str,
        run: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        region: str | None = None,
    ) -> Any:
        """Return a client of the profile, or with the credentials that AssumeRole returned, for one run."""
        client = self._client(service, credentials, region)
        guard(client, run)
        return client

    def unguarded(self, service: str, *, region: str | None = None) -> Any:
        """Return a client that may change everything that the profile may: for the clean-up."""
        return self._client(service, None, region)

    def _client(self, service: str, credentials: Mapping[str, Any] | None, region: str | None) -> Any:
        keys = credentials or {}
        return self.session.client(  # type: ignore[call-overload]
            service,
            region_name=region or self.region,
            aws_access_key_id=keys.get("AccessKeyId"),
            aws_secret_access_key=keys.get("SecretAccessKey"),
            aws_session_token=keys.get("SessionToken"),
            config=_CONFIG,
        )
