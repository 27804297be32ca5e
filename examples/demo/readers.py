"""What is in the sinks, read through Google's own clients."""

import base64
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from google.api_core.exceptions import DeadlineExceeded
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, pubsub_v1, storage

from examples.demo.addresses import PROJECT
from examples.demo.reconcile import DeadLetter

BUCKET = "environment-archive"
MANIFEST = "/_manifest/"
DESK = f"projects/{PROJECT}/subscriptions/dead-letters-desk"
NOBODY = AnonymousCredentials()
Copy = tuple[str, bytes]  # of a message: its id, and a hash of its attributes and payload
HELD_SECONDS = 600  # the longest a pulled message can be kept from others


def copy_of(attributes: Mapping[str, str], payload: bytes) -> Copy:
    facts = json.dumps(dict(attributes), sort_keys=True).encode()
    return attributes.get("ce-id", ""), hashlib.sha256(facts + payload).digest()


class Warehouse:
    """The BigQuery table."""

    example = (
        "SELECT location, enrichment_status, COUNT(*) AS messages, ROUND(AVG(temperature), 1) AS mean_temperature"
        " FROM `local-project.telemetry.environment`"
        " GROUP BY location, enrichment_status ORDER BY location, enrichment_status"
    )

    def __init__(self) -> None:
        self._client = bigquery.Client(PROJECT, credentials=NOBODY)

    def messages(self) -> int:
        """Different ids in the table."""
        (row,) = self.rows("SELECT COUNT(DISTINCT ce_id) AS messages FROM `local-project.telemetry.environment`")
        return int(row["messages"])

    def arrivals(self) -> dict[str, list[float]]:
        found: defaultdict[str, list[float]] = defaultdict(list)
        for row in self._client.query_and_wait("SELECT ce_id, written_at FROM `local-project.telemetry.environment`"):
            found[row[0]].append(row[1].timestamp())
        return dict(found)

    def rows(self, query: str) -> Iterator[dict[str, Any]]:
        for row in self._client.query_and_wait(query):
            yield dict(row.items())


class Archive:
    """The objects of the archive bucket, each read once; a line has arrived when its object was created.

    The manifest beside them lists what is written, and is not read here: this is to see what is there.
    """

    bucket = BUCKET

    def __init__(self) -> None:
        self._bucket = storage.Client(PROJECT, credentials=NOBODY).bucket(BUCKET)
        self._read: dict[str, int] = {}
        self._found: defaultdict[str, list[float]] = defaultdict(list)
        self.copies: Counter[Copy] = Counter()

    def arrivals(self) -> dict[str, list[float]]:
        for blob in self._bucket.list_blobs():
            if MANIFEST not in blob.name and self._read.get(blob.name) != blob.generation:
                self._take(gzip.decompress(blob.download_as_bytes(raw_download=True)), blob.time_created.timestamp())
                self._read[blob.name] = blob.generation
        return dict(self._found)

    def objects(self) -> list[str]:
        return sorted(self._read)

    def _take(self, lines: bytes, created: float) -> None:
        for line in lines.splitlines():
            document = json.loads(line)
            self._found[document["id"]].append(created)
            text = document.get("payload")
            payload = base64.b64decode(document["payload_base64"]) if text is None else text.encode()
            self.copies[copy_of(document["attributes"], payload)] += 1


class DeadLetterDesk:
    """The dead letters that wait for a person. They are looked at, not taken: `close` puts them back."""

    def __init__(self) -> None:
        self._client = pubsub_v1.SubscriberClient()
        self._held: dict[str, str] = {}
        self._found: dict[str, DeadLetter] = {}

    def letters(self) -> list[DeadLetter]:
        while pulled := self._pull():
            self._hold([message.ack_id for message in pulled], HELD_SECONDS)
            for message in pulled:
                self._held[message.message.message_id] = message.ack_id
                self._found[message.message.message_id] = _dead_letter(message.message.attributes)
        return list(self._found.values())

    def close(self) -> None:
        self._hold(list(self._held.values()), 0)
        self._client.close()

    def _pull(self) -> list[Any]:
        try:
            return list(self._client.pull(subscription=DESK, max_messages=1000, timeout=5).received_messages)
        except DeadlineExceeded:  # Pub/Sub's way, at times, of saying that there is nothing
            return []

    def _hold(self, ack_ids: list[str], seconds: int) -> None:
        for first in range(0, len(ack_ids), 1000):
            self._client.modify_ack_deadline(
                subscription=DESK, ack_ids=ack_ids[first : first + 1000], ack_deadline_seconds=seconds
            )


def _dead_letter(attributes: Any) -> DeadLetter:
    # What the device called it: a message dead-lettered before it was read carries an id of the bridge as `ce-id`.
    key = attributes.get("mqtt.up.id") or attributes.get("ce-id") or ""
    return DeadLetter(key, attributes.get("dead_letter.stage", ""), attributes.get("dead_letter.reason", ""))
