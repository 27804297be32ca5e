"""Google's clients, each opened when it is first asked for and never before the process forks."""

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self, TypeVar

import grpc
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery, firestore
from google.cloud.firestore import Client as Firestore
from google.cloud.storage import Client as Storage
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from director.endpoints import EMULATOR_VARIABLES, Service, channel, credentials, emulator
from director.errors import Misconfigured
from director.keys import DEFAULT_DATABASE

T = TypeVar("T")


class Clients:
    """One of each, safe to share between threads. What is opened anew may raise DefaultCredentialsError."""

    def __init__(self, project: str) -> None:
        self.project = project
        self._opened: dict[Any, Any] = {}
        self._opening = threading.RLock()
        self._closing = ExitStack()

    @classmethod
    def open(cls, project: str) -> Self:
        """Raises Misconfigured for a half-set environment, DefaultCredentialsError for Google without credentials."""
        check_environment()
        return cls(project)

    @property
    def publisher(self) -> PublisherClient:
        return self._once("publisher", self._publisher)

    @property
    def subscriber(self) -> SubscriberClient:
        return self._once("subscriber", self._subscriber)

    @property
    def bigquery(self) -> bigquery.Client:
        return self._once("bigquery", lambda: bigquery.Client(self.project, credentials=credentials("bigquery")))

    @property
    def storage(self) -> Storage:
        return self._once("storage", lambda: Storage(self.project, credentials=credentials("storage")))

    @property
    def firestore(self) -> firestore.Client:
        return self._once("firestore", lambda: firestore.Client(self.project, credentials=credentials("firestore")))

    def database(self, name: str) -> Firestore:
        """For the documents of this Firestore database."""
        if name == DEFAULT_DATABASE:
            return self.firestore

        def opened() -> Firestore:
            return Firestore(self.project, credentials=credentials("firestore"), database=name)

        return self._once(("database", name), opened)

    def channel(self, service: Service) -> grpc.Channel:
        """For the transport of any other client of `service`."""
        return self._once(("channel", service), lambda: channel(service))

    def session(self, service: Service) -> AuthorizedSession:
        """For calls to a `service` that are plain JSON."""
        return self._once(("session", service), lambda: AuthorizedSession(credentials(service)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.close()

    def _publisher(self) -> PublisherClient:
        return PublisherClient(transport=PublisherGrpcTransport(channel=self.channel("pubsub")))

    def _subscriber(self) -> SubscriberClient:
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=self.channel("pubsub")))

    def _once(self, name: Any, make: Callable[[], T]) -> T:
        with self._opening:
            if name not in self._opened:
                made = self._opened[name] = make()
                close = getattr(made, "close", None)
                if close is not None:  # what works over a shared channel has none of its own
                    self._closing.callback(close)
            found: T = self._opened[name]
            return found


def check_environment() -> None:
    """Raises as `Clients.open` does, but opens no channel: safe before a fork.

    With some services local and others at Google, data would leave for a place nobody meant: that is refused.
    """
    local = {variable: bool(os.environ.get(variable)) for variable in EMULATOR_VARIABLES.values()}
    if len(set(local.values())) > 1:
        given, unset = ([name for name, is_set in local.items() if is_set is wanted] for wanted in (True, False))
        raise Misconfigured(f"{', '.join(given)} set, but not {', '.join(unset)}: set all of them, or none")
    if not emulator("pubsub"):
        credentials("pubsub")
