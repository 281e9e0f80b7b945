"""AWS's own images: whose registry has one in which Region. Pure: no AWS calls.

An image has the same repository and tags in each Region; account and Region change together. The table
(aws_registries.py) is the one that AWS's SDK has, and is read when an image of another account is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache


def are_in(account: str, region: str) -> bool:
    """Whether AWS offers images in this account *and* Region."""
    return any(table.get(region) == account for table in accounts().values())


def account_of(repository: str, *, offered_in: tuple[str, str], region: str) -> str | None:
    """Return the account that has a repository of AWS in a Region, or None if the table names none, or several.

    `offered_in`: an account and Region of AWS that have it. What the table does not name there is looked up by that
    account's other repositories.
    """
    account, its_region = offered_in
    named = accounts().get(repository, {})
    tables = [named] if named.get(its_region) == account else accounts().values()
    candidates = {table.get(region) for table in tables if table.get(its_region) == account} - {None}
    return candidates.pop() if len(candidates) == 1 else None


def source() -> str:
    """Return which package has the table, and when it was read."""
    from lambdas.promotion.images import aws_registries  # noqa: PLC0415 - 30 kB that few promotions need

    return f"{aws_registries.SOURCE}, {aws_registries.DATE}"


@cache
def accounts() -> Mapping[str, Mapping[str, str]]:
    """Return the accounts by repository and Region."""
    from lambdas.promotion.images import aws_registries  # noqa: PLC0415

    tables: dict[str, dict[str, str]] = {}
    for paragraph in aws_registries.TABLE.strip().split("\n\n"):
        pairs = [word.partition("=") for word in paragraph.split()]
        by_region = {region: account for region, separator, account in pairs if separator}
        tables |= {repository: by_region for repository, separator, _ in pairs if not separator}
    return tables
