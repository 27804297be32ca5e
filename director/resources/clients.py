"""Google's clients, opened once for each process and never before it forks."""

import os
from dataclasses import dataclass
from typing import Self

from google.cloud import bigquery, firestore
from google.cloud.storage import Client as Storage
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from director.endpoints import EMULATOR_VARIABLES, Service, channel, credentials, emulator
from director.errors import Misconfigured

USED: tuple[Service, ...] = ("pubsub", "firestore", "storage", "bigquery")


@dataclass(frozen=True, slots=True)
class Clients:
    """One client for each service; all safe to share between threads."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: bigquery.Client
    storage: Storage
    firestore: firestore.Client

    @classmethod
    def open(cls, project: str) -> Self:
        """Raises Misconfigured for a half-set environment, DefaultCredentialsError for Google without credentials."""
        check_environment()
        pubsub = channel("pubsub")
        return cls(
            publisher=PublisherClient(transport=PublisherGrpcTransport(channel=pubsub)),
            subscriber=SubscriberClient(transport=SubscriberGrpcTransport(channel=pubsub)),
            bigquery=bigquery.Client(project, credentials=credentials("bigquery")),
            storage=Storage(project, credentials=credentials("storage")),
            firestore=firestore.Client(project, credentials=credentials("firestore")),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.publisher.transport.close()  # the subscriber's as well: they share a channel
        self.firestore.close()
        self.storage.close()
        self.bigquery.close()


def check_environment() -> None:
    """Raises as `Clients.open` does, but opens no channel: safe before a fork.

    With some services local and others at Google, data would leave for a place nobody meant: that is refused.
    """
    unset = [EMULATOR_VARIABLES[service] for service in USED if not emulator(service)]
    if 0 < len(unset) < len(USED):
        given = [name for name in EMULATOR_VARIABLES.values() if os.environ.get(name)]
        raise Misconfigured(f"{', '.join(given)} set, but not {', '.join(unset)}: set all of them, or none")
    credentials("pubsub")
