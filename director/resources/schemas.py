"""Pub/Sub schemas. They carry no labels: whose one is, only the journal knows, as with collections."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient, SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import Schema as Message
from google.pubsub_v1.types import SchemaView

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.pubsub import Schema
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted, fixed
from director.provisioning.clients import Clients

PAGE = 1_000  # the most that one answer holds
TYPES = {"avro": Message.Type.AVRO, "protobuf": Message.Type.PROTOCOL_BUFFER}


def revised(live: str, wanted: str) -> Verdict | None:
    """Revisions are few, at most 20 a schema: another layout of the same JSON is none."""
    return None if _meaning(live) == _meaning(wanted) else Verdict("update", "commit another revision")


@dataclass(frozen=True, slots=True)
class State:
    type: Annotated[str, fixed("use another name: all revisions of a schema are of one type")]
    definition: Annotated[str, revised] = ""


def wanted(context: Context, spec: Schema) -> Wanted[State]:
    key = keys.schema(context.project, spec.name)
    return Wanted(*key, State(spec.type, spec.definition), owner=None, services=context.services(spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    transport = SchemaServiceGrpcTransport(channel=clients.channel("pubsub"))
    return Schemas(SchemaServiceClient(transport=transport), clients.publisher)


class Schemas:
    """Schemas through Google's client; `publisher` tells which topics use one."""

    def __init__(self, client: SchemaServiceClient, publisher: PublisherClient) -> None:
        self._client = client
        self._publisher = publisher

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        request = {"name": wanted.full_name, "view": SchemaView.FULL}
        try:
            found = self._client.get_schema(request=request, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        return _observed(found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for project in {name.rpartition("/schemas/")[0] for name in names}:
            request = {"parent": project, "view": SchemaView.FULL, "page_size": PAGE}
            schemas = self._client.list_schemas(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {schema.name: _observed(schema) for schema in schemas if schema.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        parent, _, name = wanted.full_name.rpartition("/schemas/")
        request = {"parent": parent, "schema_id": name, "schema": _message(wanted)}
        self._client.create_schema(request=request, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        """Another revision. Pub/Sub refuses one that readers or writers of the others could not live with.

        Looked at once more: where only the answer of a commit was lost, another would be one revision too many.
        """
        live = self.observe(wanted)
        if live and not revised(live.state.definition, wanted.state.definition):
            return
        request = {"name": wanted.full_name, "schema": _message(wanted)}
        self._client.commit_schema(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Topics of the project that use it: nothing could be published to them any more."""
        project = wanted.full_name.rpartition("/schemas/")[0]
        request = {"project": project, "page_size": PAGE}
        topics = self._publisher.list_topics(request=request, retry=None, timeout=CALL_TIMEOUT)
        users = {topic.name for topic in topics if topic.schema_settings.schema == wanted.full_name}
        others = sorted(users - going)
        return Holding(f"what {', '.join(others)} checks its messages with", others=True) if others else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_schema(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _observed(found: Any) -> Observed[State]:
    names = {value: name for name, value in TYPES.items()}
    return Observed(State(names.get(found.type_, found.type_.name), found.definition), None)


def _message(wanted: Wanted[State]) -> Any:
    return Message(name=wanted.full_name, type_=TYPES[wanted.state.type], definition=wanted.state.definition)


def _meaning(definition: str) -> str:
    try:
        return json.dumps(json.loads(definition), sort_keys=True)  # as text: to Python, 0 and false are equal
    except ValueError:
        return definition.strip()
