"""Where desks work: tables as the director makes them, letters as Pub/Sub writes them, topics, and a desk."""

import base64
import itertools
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.bigquery import SchemaField, Table

from bridge import envelope
from director.addressing import retry_filter
from director.desk.broker import ThroughBroker
from director.desk.desk import Desk
from director.desk.subscriptions import ThroughSubscriptions
from director.desk.tables import Tables
from director.provisioning.clients import Clients

NUMBERS = itertools.count(1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LETTERS = (
    SchemaField("subscription_name", "STRING"),
    SchemaField("message_id", "STRING"),
    SchemaField("publish_time", "TIMESTAMP"),
    SchemaField("data", "BYTES"),
    SchemaField("attributes", "JSON"),
)
DECISIONS = (
    SchemaField("message_id", "STRING", "REQUIRED"),
    SchemaField("decision", "STRING", "REQUIRED"),
    SchemaField("decided_at", "TIMESTAMP", "REQUIRED"),
    *(SchemaField(name, "STRING") for name in ("decided_by", "target", "note")),
)


@dataclass
class Office:
    """The tables, and all that puts letters in and sees what comes out."""

    clients: Clients
    tables: Tables
    stack: ExitStack
    written: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def project(self) -> str:
        return self.tables.project

    def desk(self, broker: str | None = None, **options: Any) -> Desk:
        bridge = self.stack.enter_context(ThroughBroker(broker))
        jobs = ThroughSubscriptions(self.clients.publisher, self.clients.subscriber)
        settings: dict[str, Any] = {"who": "ada", "now": lambda: NOW, **options}
        return Desk(self.clients.bigquery, self.tables, jobs=jobs, bridge=bridge, **settings)

    def topic(self, *subscriptions: str, filtered: bool = True) -> list[str]:
        """A new topic; the full names of its subscriptions, which see only retries of their own."""
        name = f"projects/{self.project}/topics/topic{next(NUMBERS)}"
        self.clients.publisher.create_topic(name=name)
        made = []
        for subscription in subscriptions:
            full = f"projects/{self.project}/subscriptions/{name.rpartition('/')[2]}-{subscription}"
            wanted = retry_filter(name, full) if filtered else ""
            request = {"name": full, "topic": name, "filter": wanted, "ack_deadline_seconds": 60}
            self.clients.subscriber.create_subscription(request=request)
            made.append(full)
        return made

    def pulled(self, subscription: str) -> list[Any]:
        """What the subscription has, acknowledged."""
        request = {"subscription": subscription, "max_messages": 1_000, "return_immediately": True}
        with pytest.deprecated_call():  # by Google, and the one way to see that there is nothing
            got = self.clients.subscriber.pull(request=request).received_messages
        if got:
            ids = [one.ack_id for one in got]
            self.clients.subscriber.acknowledge(subscription=subscription, ack_ids=ids)
        return [one.message for one in got]

    def add(self, *raw: bytes, at: datetime | None = None) -> list[str]:
        """Rows of these dead letters, as a Pub/Sub subscription with `write_metadata` writes them; their ids."""
        ids = [f"{os.getpid()}{next(self.written):06}" for _ in raw]
        rows = []
        for message_id, one in zip(ids, raw, strict=True):
            message = envelope.parse(one)
            rows.append(
                {
                    "subscription_name": f"projects/{self.project}/subscriptions/dead-letters-table",
                    "message_id": message_id,
                    "publish_time": (at or NOW).isoformat(),
                    "data": base64.b64encode(message.data).decode(),
                    "attributes": json.dumps(dict(message.attributes)),
                }
            )
        self.insert(rows)
        return ids

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        assert self.clients.bigquery.insert_rows_json(self.tables.letters, rows) == []

    def decisions(self) -> list[dict[str, Any]]:
        text = f"SELECT * FROM `{self.tables.decisions}` ORDER BY message_id, decided_at"  # noqa: S608
        return [dict(row.items()) for row in self.clients.bigquery.query_and_wait(text)]


def opened(stack: ExitStack) -> Office:
    """In a project of its own, open as long as the stack."""
    project = f"desk-{os.getpid()}-{next(NUMBERS)}"
    clients = stack.enter_context(Clients.open(project))
    clients.bigquery.create_dataset("telemetry")
    tables = Tables(f"{project}.telemetry.dead_letters", f"{project}.telemetry.dead_letter_decisions")
    clients.bigquery.create_table(Table(tables.letters, schema=LETTERS))
    clients.bigquery.create_table(Table(tables.decisions, schema=DECISIONS))
    return Office(clients, tables, stack)
