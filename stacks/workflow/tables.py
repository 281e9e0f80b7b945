"""The hub's tables: who changes which endpoint now, and what became of each attempt."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from lambdas.promotion.contract import resource_names
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.retention import RETAIN

# DynamoDB asks for the key as its caller (AWS: DynamoDB, "Authorizing use of your customer managed key").
_READ_WITH_KEY = ("kms:Decrypt", "kms:DescribeKey")
_WRITE_WITH_KEY = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)


class Tables(Construct):
    """Both tables. They outlive the stack: a record that is gone cannot be made again, nor can a fencing number.

    `endpoints`: an item for each endpoint (`endpoint`: account/Region/name in small letters) with its lock.
    `records`: an item for each attempt (`stage`: application/stage; `attempt`: when it began#the promotion's id).

    `protected`: DynamoDB refuses to delete them. Not before the first deployment has succeeded: one that fails could
    not be taken back, and their fixed names would block the next one.
    """

    def __init__(self, scope: Construct, *, key: kms.IKey, protected: bool) -> None:
        super().__init__(scope, "Tables")
        self._key = key
        self._protected = protected
        self.endpoints = self._table("Endpoints", resource_names.ENDPOINTS_TABLE, "endpoint")
        self.records = self._table("Records", resource_names.RECORDS_TABLE, "stage", sort_key="record_key")

    def allow_read(self, role: iam.IRole, table: dynamodb.ITable, sid: str, actions: Sequence[str]) -> None:
        """Allow a role these reading actions on one of the tables, and on the key through DynamoDB."""
        self._allow(role, table, sid, actions, _READ_WITH_KEY)

    def allow_write(self, role: iam.IRole, table: dynamodb.ITable, sid: str, actions: Sequence[str]) -> None:
        """Allow a role these actions, writing ones among them, and on the key what writing needs."""
        self._allow(role, table, sid, actions, _WRITE_WITH_KEY)

    def allow_state_machine_write(self, role: iam.IRole, sid: str) -> None:
        """Allow a state machine what its writing states need of the key; CDK gives it the tables with the states."""
        self._allow_key(role, sid, _WRITE_WITH_KEY)

    def _allow(
        self, role: iam.IRole, table: dynamodb.ITable, sid: str, actions: Sequence[str], on_key: Sequence[str]
    ) -> None:
        role.add_to_principal_policy(iam.PolicyStatement(sid=sid, actions=list(actions), resources=[table.table_arn]))
        self._allow_key(role, sid, on_key)

    def _allow_key(self, role: iam.IRole, sid: str, on_key: Sequence[str]) -> None:
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid=f"{sid}Key",
                actions=list(on_key),
                resources=[self._key.key_arn],
                conditions=via_service("dynamodb", Stack.of(self).region),
            )
        )

    def _table(self, title: str, name: str, key: str, *, sort_key: str | None = None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            title,
            table_name=name,
            partition_key=_text(key),
            sort_key=_text(sort_key) if sort_key else None,
            # A few requests a promotion, and none for days.
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._protected,
            removal_policy=RETAIN,
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
