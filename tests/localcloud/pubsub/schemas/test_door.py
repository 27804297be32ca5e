"""Schemas, and topics that check by them, with Google's own client."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import Encoding, Schema, SchemaView

from localcloud.cloud import Options, in_thread


def definition(*fields: dict[str, Any]) -> str:
    device = {"name": "device", "type": "string"}
    return json.dumps({"type": "record", "name": "Reading", "fields": [device, *fields]})


FIRST = definition()
SECOND = definition({"name": "light", "type": ["null", "double"], "default": None})


class Desk:
    """Google's client for schemas, and short words for what tests do with it."""

    def __init__(self, lab: Any) -> None:
        self.lab = lab
        self.client = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=lab.channel))

    def create(self, text: str = FIRST, kind: Any = Schema.Type.AVRO) -> Any:
        name = self.lab.name("schemas").rpartition("/")[2]
        request = {"parent": self.lab.project, "schema_id": name, "schema": {"type_": kind, "definition": text}}
        return self.client.create_schema(request=request)

    def commit(self, name: str, text: str, kind: Any = Schema.Type.AVRO) -> Any:
        return self.client.commit_schema(name=name, schema=Schema(name=name, type_=kind, definition=text))

    def topic(self, schema: str, encoding: Any = Encoding.JSON, **more: str) -> str:
        name: str = self.lab.topic(schema_settings={"schema": schema, "encoding": encoding, **more})
        return name


@pytest.fixture
def desk(lab: Any) -> Desk:
    return Desk(lab)


def test_a_schema_is_made_found_listed_and_deleted(desk: Desk) -> None:
    made = [desk.create(), desk.create(SECOND)]
    assert desk.client.get_schema(name=made[0].name) == made[0]
    assert made[0].definition == FIRST
    assert len(made[0].revision_id) == 8
    basic = desk.client.get_schema(request={"name": made[0].name, "view": SchemaView.BASIC})
    assert (basic.type_, basic.definition) == (Schema.Type.AVRO, "")
    request = {"parent": desk.lab.project, "view": SchemaView.FULL, "page_size": 1}
    assert list(desk.client.list_schemas(request=request)) == made
    assert [each.definition for each in desk.client.list_schemas(parent=desk.lab.project)] == ["", ""]
    desk.client.delete_schema(name=made[0].name)
    with pytest.raises(exceptions.NotFound):
        desk.client.get_schema(name=made[0].name)
    with pytest.raises(exceptions.NotFound):
        desk.client.delete_schema(name=made[0].name)


def test_what_is_no_schema_is_refused(desk: Desk) -> None:
    there = desk.create()
    with pytest.raises(exceptions.AlreadyExists):
        desk.client.create_schema(parent=desk.lab.project, schema=there, schema_id=there.name.rpartition("/")[2])
    with pytest.raises(exceptions.InvalidArgument, match="definition"):
        desk.create("{}")
    with pytest.raises(exceptions.InvalidArgument, match="type"):
        desk.create(kind=Schema.Type.TYPE_UNSPECIFIED)
    with pytest.raises(exceptions.MethodNotImplemented, match="PROTOCOL_BUFFER"):
        desk.create('syntax = "proto3"; message R { string device = 1; }', Schema.Type.PROTOCOL_BUFFER)
    with pytest.raises(exceptions.InvalidArgument, match="Invalid resource name"):
        desk.client.create_schema(parent=desk.lab.project, schema=there, schema_id="1")


def test_revisions_are_committed_listed_rolled_back_and_deleted(desk: Desk) -> None:
    first = desk.create()
    second = desk.commit(first.name, SECOND)
    assert desk.client.get_schema(name=first.name) == second
    third = desk.client.rollback_schema(name=first.name, revision_id=first.revision_id)
    assert third.definition == FIRST
    assert third.revision_id != first.revision_id
    request = {"name": first.name, "view": SchemaView.FULL, "page_size": 2}
    assert list(desk.client.list_schema_revisions(request=request)) == [third, second, first]
    assert desk.client.get_schema(name=f"{first.name}@{second.revision_id}") == second
    desk.client.delete_schema_revision(request={"name": f"{first.name}@{second.revision_id}"})
    desk.client.delete_schema_revision(request={"name": f"{first.name}@{third.revision_id}"})
    assert desk.client.get_schema(name=first.name) == first
    with pytest.raises(exceptions.FailedPrecondition, match="only revision"):
        desk.client.delete_schema_revision(request={"name": f"{first.name}@{first.revision_id}"})
    with pytest.raises(exceptions.InvalidArgument, match="NAME@REVISION"):
        desk.client.delete_schema_revision(request={"name": first.name})
    with pytest.raises(exceptions.NotFound, match="revision"):
        desk.client.rollback_schema(name=first.name, revision_id=second.revision_id)


def test_a_revision_that_others_could_not_read_is_refused_and_so_is_one_too_many(desk: Desk) -> None:
    first = desk.create()
    with pytest.raises(exceptions.InvalidArgument, match=r"not compatible .* light: is missing"):
        desk.commit(first.name, definition({"name": "light", "type": "double"}))
    with pytest.raises(exceptions.InvalidArgument, match="type of a schema cannot be changed"):
        desk.commit(first.name, FIRST, Schema.Type.PROTOCOL_BUFFER)
    for _ in range(19):
        desk.commit(first.name, SECOND)
    with pytest.raises(exceptions.ResourceExhausted, match="20 revisions"):
        desk.client.commit_schema(request={"name": first.name, "schema": first}, retry=None)


def test_schemas_and_messages_can_be_tried_without_making_anything(desk: Desk) -> None:
    schema = desk.create()
    desk.client.validate_schema(parent=desk.lab.project, schema=Schema(type_=2, definition=FIRST))
    with pytest.raises(exceptions.InvalidArgument):
        desk.client.validate_schema(parent=desk.lab.project, schema=Schema(type_=2, definition="x"))
    request = {"parent": desk.lab.project, "name": schema.name, "encoding": Encoding.JSON}
    desk.client.validate_message(request={**request, "message": b'{"device": "d"}'})
    with pytest.raises(exceptions.InvalidArgument, match="device is missing"):
        desk.client.validate_message(request={**request, "message": b"{}"})
    with pytest.raises(exceptions.InvalidArgument, match="encoding"):
        desk.client.validate_message(request={"parent": desk.lab.project, "name": schema.name, "message": b"{}"})


def test_messages_are_checked_and_say_by_what(desk: Desk) -> None:
    schema = desk.create()
    topic = desk.topic(schema.name)
    subscription = desk.lab.subscription(topic)
    only = desk.lab.subscription(topic, filter='attributes.googclient_schemaencoding = "JSON"')
    desk.lab.publish(topic, b'{"device": "d"}', site="north")
    [received] = desk.lab.now(subscription)
    assert received.message.data == b'{"device": "d"}'
    assert dict(received.message.attributes) == {
        "site": "north",
        "googclient_schemaname": schema.name,
        "googclient_schemaencoding": "JSON",
        "googclient_schemarevisionid": schema.revision_id,
    }
    assert len(desk.lab.now(only)) == 1
    with pytest.raises(exceptions.InvalidArgument, match="schema validation: device is missing"):
        desk.lab.publish(topic, b'{"device": "d"}', b"{}")
    assert desk.lab.now(subscription) == []


def test_binary_messages_are_checked_as_such(desk: Desk) -> None:
    topic = desk.topic(desk.create().name, Encoding.BINARY)
    subscription = desk.lab.subscription(topic)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, json.loads(FIRST), {"device": "d"})
    desk.lab.publish(topic, stream.getvalue())
    assert desk.lab.data(subscription) == [stream.getvalue()]
    with pytest.raises(exceptions.InvalidArgument, match="schema validation"):
        desk.lab.publish(topic, b'{"device": "d"}')


def test_the_newest_allowed_revision_that_fits_is_named(desk: Desk) -> None:
    first = desk.create()
    second = desk.commit(first.name, SECOND)
    old, new = b'{"device": "d"}', b'{"device": "d", "light": null}'
    topic = desk.topic(first.name)
    subscription = desk.lab.subscription(topic)
    desk.lab.publish(topic, old, new)
    revisions = [each.message.attributes["googclient_schemarevisionid"] for each in desk.lab.now(subscription)]
    assert revisions == [first.revision_id, second.revision_id]
    settings = {"schema": first.name, "encoding": Encoding.JSON, "first_revision_id": second.revision_id}
    request = {
        "topic": {"name": topic, "schema_settings": settings},
        "update_mask": FieldMask(paths=["schema_settings"]),
    }
    desk.lab.publisher.update_topic(request=request)
    with pytest.raises(exceptions.InvalidArgument, match="schema validation"):
        desk.lab.publish(topic, old)
    desk.lab.publisher.update_topic(request={**request, "topic": {"name": topic}})
    desk.lab.publish(topic, b"anything")


def test_a_topic_names_a_schema_and_revisions_that_are_there(desk: Desk) -> None:
    first = desk.create()
    second = desk.commit(first.name, SECOND)
    with pytest.raises(exceptions.NotFound):
        desk.topic(f"{desk.lab.project}/schemas/absent")
    with pytest.raises(exceptions.InvalidArgument, match="encoding"):
        desk.topic(first.name, Encoding.ENCODING_UNSPECIFIED)
    with pytest.raises(exceptions.NotFound, match="revision"):
        desk.topic(first.name, first_revision_id="00000000")
    with pytest.raises(exceptions.InvalidArgument, match="newer"):
        desk.topic(first.name, first_revision_id=second.revision_id, last_revision_id=first.revision_id)


def test_without_its_schema_a_topic_takes_nothing(desk: Desk) -> None:
    schema = desk.create()
    topic = desk.topic(schema.name)
    desk.client.delete_schema(name=schema.name)
    assert desk.lab.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(exceptions.FailedPrecondition, match="deleted"):
        desk.lab.publish(topic, b'{"device": "d"}')


def test_schemas_outlive_a_restart(tmp_path: Path, lab_at: Callable[[str], Any]) -> None:
    with in_thread(Options(data=tmp_path)) as cloud:
        desk = Desk(lab_at(cloud.grpc_address))
        first = desk.create()
        second = desk.commit(first.name, SECOND)
        topic, gone = desk.topic(first.name), desk.create()
        orphan = desk.topic(gone.name)
        desk.client.delete_schema(name=gone.name)
    with in_thread(Options(data=tmp_path)) as cloud:
        again = Desk(lab_at(cloud.grpc_address))
        assert list(again.client.list_schemas(request={"parent": desk.lab.project, "view": 2})) == [second]
        assert len(list(again.client.list_schema_revisions(name=first.name))) == 2
        again.lab.publish(topic, b'{"device": "d"}')
        with pytest.raises(exceptions.FailedPrecondition):
            again.lab.publish(orphan, b'{"device": "d"}')


def test_a_schema_has_a_policy_that_ends_with_it(desk: Desk) -> None:
    schema = desk.create()
    policy = desk.client.get_iam_policy(request={"resource": schema.name})
    policy.bindings.add(role="roles/pubsub.viewer", members=["user:anna@example.com"])
    desk.client.set_iam_policy(request={"resource": schema.name, "policy": policy})
    desk.commit(schema.name, SECOND)
    assert desk.client.get_iam_policy(request={"resource": schema.name}).bindings == policy.bindings
    asked = {"resource": schema.name, "permissions": ["pubsub.schemas.attach"]}
    assert list(desk.client.test_iam_permissions(request=asked).permissions) == ["pubsub.schemas.attach"]
    desk.client.delete_schema(name=schema.name)
    with pytest.raises(exceptions.NotFound):
        desk.client.get_iam_policy(request={"resource": schema.name})
    assert list(desk.client.test_iam_permissions(request=asked).permissions) == []
