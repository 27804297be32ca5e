"""Schemas, through Google's schema client, and the topics that use them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from director import keys
from director.documents.loading import Blueprint, load
from director.provisioning.base import Observed, Provider, Surveyor, Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change, layers
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.schemas import Schemas, State
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

FIRST = json.dumps({"type": "record", "name": "R", "fields": []})
SECOND = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 0}]})
SCHEMAS = f"""\
      schemas:
        - name: reading
          type: avro
          definition: '{FIRST}'
      topics:
"""
CHECKED = "        - name: readings\n          schema_settings: {schema: reading, encoding: json}\n"


@pytest.fixture
def checking(document: Path) -> Blueprint:
    text = document.read_text().replace("      topics:\n", SCHEMAS).replace("        - name: readings\n", CHECKED)
    document.write_text(text)
    return load(document)


@pytest.fixture
def schemas(clients: Clients, checking: Blueprint) -> Provider[State]:
    return providers(clients, checking)[keys.SCHEMAS]


@pytest.fixture
def schema(checking: Blueprint) -> Wanted[State]:
    return one(checking, keys.SCHEMAS)


def one(blueprint: Blueprint, kind: str) -> Wanted[Any]:
    return next(each for each in wanted(blueprint, "air") if each.kind == kind)


def test_a_created_schema_is_as_wanted_and_nobody_s(schemas: Provider[State], schema: Wanted[State]) -> None:
    assert schemas.observe(schema) is None
    schemas.create(schema)
    observed = schemas.observe(schema)
    assert observed is not None
    assert (observed.state, observed.owner) == (schema.state, None)
    assert change(schema, observed).action == "none"


def test_another_definition_is_another_revision_and_another_layout_is_none(
    schemas: Provider[State], schema: Wanted[State]
) -> None:
    schemas.create(schema)
    laid_out = replace(schema, state=State("avro", json.dumps(json.loads(FIRST), indent=2)))
    assert change(laid_out, schemas.observe(laid_out)).action == "none"
    goal = replace(schema, state=State("avro", SECOND))
    observed = schemas.observe(goal)
    todo = change(goal, observed)
    assert todo.reasons == ("definition: commit another revision",)
    schemas.update(goal, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, schemas.observe(goal)).action == "none"


def test_what_only_python_takes_for_the_same_is_another_definition(schema: Wanted[State]) -> None:
    off, zero = (replace(schema, state=State("avro", SECOND.replace("0", default))) for default in ("false", "0"))
    assert change(off, Observed(zero.state, None)).action == "update"


def test_a_revision_that_others_could_not_read_is_google_s_to_refuse(
    schemas: Provider[State], schema: Wanted[State]
) -> None:
    schemas.create(schema)
    goal = replace(schema, state=State("avro", SECOND.replace(', "default": 0', "")))
    with pytest.raises(InvalidArgument, match="not compatible"):
        schemas.update(goal, schemas.observe(goal), frozenset({"definition"}))  # type: ignore[arg-type]


def test_the_type_is_fixed(schemas: Provider[State], schema: Wanted[State]) -> None:
    schemas.create(schema)
    goal = replace(schema, state=State("protobuf", 'syntax = "proto3"; message R {}'))
    todo = change(goal, schemas.observe(goal))
    assert todo.action == "refuse"
    assert todo.reasons[0].startswith("type: live avro, wanted protobuf, cannot be changed; use another name")


def test_protocol_buffers_are_sent_as_such(schema: Wanted[State]) -> None:
    """As the client would send it: the local Pub/Sub has Avro only."""

    class Recorder:
        def create_schema(self, request: Any, **_: Any) -> None:
            self.sent = request

    client: Any = Recorder()
    text = 'syntax = "proto3"; message R {}'
    Schemas(client, client).create(replace(schema, state=State("protobuf", text)))
    assert client.sent["schema"].type_.name == "PROTOCOL_BUFFER"
    assert client.sent["schema"].definition == text
    assert client.sent["schema_id"] == "reading"


@pytest.mark.parametrize("page", [1, 1_000])
def test_a_list_is_as_each_is_observed(
    schemas: Provider[State], schema: Wanted[State], monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr("director.resources.schemas.PAGE", page)
    several = [replace(schema, full_name=f"{schema.full_name}-{number}") for number in range(3)]
    for each in several:
        schemas.create(each)
    assert isinstance(schemas, Surveyor)
    absent = replace(schema, full_name=f"{schema.full_name}-absent")
    assert schemas.survey([*several, absent]) == {each.full_name: schemas.observe(each) for each in several}


def test_a_topic_comes_after_its_schema_and_both_are_applied_once(
    clients: Clients, checking: Blueprint, retries: Retries
) -> None:
    resources = wanted(checking, "air")
    order = [[each.key for each in layer] for layer in layers(resources)]
    assert one(checking, keys.SCHEMAS).key in order[0]
    assert one(checking, keys.TOPICS).key in order[1]
    loop = Provisioner(providers(clients, checking), retries)
    assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
    assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}


def test_a_schema_stays_while_a_topic_uses_it_that_does_not_go(
    clients: Clients, checking: Blueprint, schemas: Provider[State], schema: Wanted[State]
) -> None:
    topic = one(checking, keys.TOPICS)
    schemas.create(schema)
    assert schemas.holding(schema, frozenset()) is None
    providers(clients, checking)[keys.TOPICS].create(topic)
    held = schemas.holding(schema, frozenset())
    assert held is not None
    assert (held.others, topic.full_name in held.what) == (True, True)
    assert schemas.holding(schema, frozenset({topic.full_name})) is None


def test_a_deleted_schema_is_gone(schemas: Provider[State], schema: Wanted[State]) -> None:
    schemas.create(schema)
    schemas.delete(schema)
    assert schemas.observe(schema) is None


def test_an_answer_that_is_lost_after_a_commit_makes_no_second_revision(
    cloud: LocalCloud, clients: Clients, checking: Blueprint, retries: Retries, schema: Wanted[State]
) -> None:
    loop = Provisioner(providers(clients, checking), retries)
    loop.apply([schema])
    goal = replace(schema, state=State("avro", SECOND))
    cloud.faults.add(Fault(method="pubsub.CommitSchema", when="after", calls=1))
    assert [outcome.result for outcome in loop.apply([goal])] == ["updated"]
    client = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=clients.channel("pubsub")))
    assert len(list(client.list_schema_revisions(name=schema.full_name))) == 2
