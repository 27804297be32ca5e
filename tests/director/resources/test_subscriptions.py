"""Subscriptions, through Google's subscriber client."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import Blueprint, load
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change, layers
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.deliveries import Calls, Files, Rows
from director.resources.subscriptions import Backoff, DeadLetters, State, Subscriptions
from director.resources.topics import Topics
from director.retries import Retries


@pytest.fixture
def subscriptions(clients: Clients, blueprint: Blueprint) -> Subscriptions:
    for topic in wanted(blueprint, "air")[:2]:
        Topics(clients.publisher).create(topic)
    return Subscriptions(clients.subscriber)


@pytest.fixture
def plain(blueprint: Blueprint) -> Wanted[State]:
    """With nothing but what every subscription has."""
    found = wanted(blueprint, "air")[2]
    return replace(found, state=State(topic=found.state.topic, labels=found.state.labels))


@pytest.fixture
def rich(plain: Wanted[State]) -> Wanted[State]:
    """With everything a document can say."""
    state = State(
        topic=plain.state.topic,
        filter='attributes.kind = "x"',
        enable_message_ordering=True,
        ack_deadline_seconds=30,
        message_retention_duration=timedelta(days=2),
        retain_acked_messages=True,
        retry_policy=Backoff(timedelta(seconds=5), timedelta(seconds=60)),
        dead_letter_policy=DeadLetters(plain.state.topic.replace("readings", "dead"), 7),
        enable_exactly_once_delivery=True,
        expiration_policy=timedelta(days=40),
        labels=plain.state.labels,
    )
    return replace(plain, state=state)


def test_a_plain_one_is_as_wanted_and_never_expires(
    subscriptions: Subscriptions, plain: Wanted[State], clients: Clients
) -> None:
    assert subscriptions.observe(plain) is None
    subscriptions.create(plain)
    observed = subscriptions.observe(plain)
    assert observed is not None
    assert (observed.state, observed.owner) == (plain.state, plain.owner)
    live = clients.subscriber.get_subscription(subscription=plain.full_name)
    assert "expiration_policy" in live
    assert not live.expiration_policy.ttl


def test_every_field_is_created_and_read_back(subscriptions: Subscriptions, rich: Wanted[State]) -> None:
    subscriptions.create(rich)
    assert change(rich, subscriptions.observe(rich)).action == "none"


def test_every_changeable_field_can_be_set_and_taken_back(
    subscriptions: Subscriptions, plain: Wanted[State], rich: Wanted[State]
) -> None:
    fixed: dict[str, Any] = {"filter": "", "enable_message_ordering": False}
    rich = replace(rich, state=replace(rich.state, **fixed))
    subscriptions.create(plain)
    for goal in (rich, plain):
        observed = subscriptions.observe(goal)
        todo = change(goal, observed)
        assert len(todo.fields) == 7
        subscriptions.update(goal, observed, todo.fields)  # type: ignore[arg-type]
        assert change(goal, subscriptions.observe(goal)).reasons == ()


def test_one_that_lost_its_topic_is_refused(
    subscriptions: Subscriptions, plain: Wanted[State], clients: Clients
) -> None:
    subscriptions.create(plain)
    clients.publisher.delete_topic(topic=plain.state.topic)
    todo = change(plain, subscriptions.observe(plain))
    assert todo.action == "refuse"
    assert "topic: live _deleted-topic_" in todo.reasons[0]


def test_a_detached_one_is_not_usable(subscriptions: Subscriptions, plain: Wanted[State], clients: Clients) -> None:
    subscriptions.create(plain)
    clients.publisher.detach_subscription(request={"subscription": plain.full_name})
    todo = change(plain, subscriptions.observe(plain))
    assert todo.action == "refuse"
    assert any(
        reason.startswith("detached: live true") and "delete it and apply again" in reason for reason in todo.reasons
    )


def test_a_deleted_one_is_gone(subscriptions: Subscriptions, plain: Wanted[State]) -> None:
    subscriptions.create(plain)
    subscriptions.delete(plain)
    assert subscriptions.observe(plain) is None


SINKS = """\
      bigquery_tables:
        - {name: letters, dataset: telemetry, schema: [{name: data, type: BYTES}]}
"""
EXPORTS = """\
        - name: dead-letters
          topic: dead
          bigquery: {table: letters}
        - name: dead-files
          topic: dead
          ack_deadline_seconds: 120
          cloud_storage: {bucket: BUCKET, prefix: dead/, suffix: .avro, max_duration: 2m, format: avro}
"""


@pytest.fixture
def exporting(document: Path) -> Blueprint:
    text = document.read_text()
    bucket = load(document).architecture.dataflows["air"].resources.gcs_buckets[0].name
    text = text.replace("      bigquery_datasets:\n", EXPORTS.replace("BUCKET", bucket) + "      bigquery_datasets:\n")
    document.write_text(text.replace("      bigquery_tables:\n", SINKS))
    return load(document)


def exports(blueprint: Blueprint) -> tuple[Wanted[State], Wanted[State]]:
    found = {each.full_name.rpartition("/")[2]: each for each in wanted(blueprint, "air")}
    return found["dead-letters"], found["dead-files"]


def test_an_export_comes_after_what_it_writes_to(exporting: Blueprint) -> None:
    order = [[each.full_name for each in layer] for layer in layers(wanted(exporting, "air"))]
    places = {name: index for index, names in enumerate(order) for name in names}
    rows, files = exports(exporting)
    assert rows.state.bigquery_config is not None
    assert files.state.cloud_storage_config is not None
    assert places[rows.full_name] > places[rows.state.bigquery_config.table]
    assert places[files.full_name] > places[files.state.cloud_storage_config.bucket]


def test_exports_are_applied_once_and_then_as_wanted(clients: Clients, exporting: Blueprint, retries: Retries) -> None:
    loop = Provisioner(providers(clients, exporting), retries)
    resources = wanted(exporting, "air")
    assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
    assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        (
            {"use_table_schema": True, "drop_unknown_fields": True},
            "letters -> P.telemetry.letters use_table_schema drop_unknown_fields",
        ),
        ({"use_table_schema": True}, "letters use_table_schema"),
        ({"service_account": "w@p.iam.gserviceaccount.com"}, "letters as w@p.iam.gserviceaccount.com"),
        (None, "P.telemetry.letters -> none"),
    ],
)
def test_drift_of_rows_is_mended(
    clients: Clients, exporting: Blueprint, retries: Retries, drift: dict[str, Any] | None, told: str
) -> None:
    Provisioner(providers(clients, exporting), retries).apply(wanted(exporting, "air"))
    letters, _ = exports(exporting)
    assert letters.state.bigquery_config is not None
    config = replace(letters.state.bigquery_config, **drift) if drift else None
    mended(Subscriptions(clients.subscriber), letters, {"bigquery_config": config}, told, exporting)


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        ({"prefix": "other/"}, "-> gs://P-archive/other/....avro as avro, each 2m"),
        ({"suffix": ""}, "dead/... as avro"),
        ({"max_duration": timedelta(minutes=1)}, "each 1m"),
        ({"max_bytes": 5000}, "each 2m or 5000 bytes"),
        ({"format": "text"}, "as text"),
        ({"format": "avro with metadata"}, "as avro with metadata"),
        ({"max_messages": 2000}, "each 2m or 2000 messages"),
        ({"datetime_format": "YYYY/MM/DD/hh_mm_ss"}, "dead/YYYY/MM/DD/hh_mm_ss.avro"),
        ({"service_account": "w@p.iam.gserviceaccount.com"}, "each 2m as w@p.iam.gserviceaccount.com"),
        (None, "-> none"),
    ],
)
def test_drift_of_files_is_mended(
    clients: Clients, exporting: Blueprint, retries: Retries, drift: dict[str, Any] | None, told: str
) -> None:
    Provisioner(providers(clients, exporting), retries).apply(wanted(exporting, "air"))
    _, files = exports(exporting)
    assert files.state.cloud_storage_config is not None
    config = replace(files.state.cloud_storage_config, **drift) if drift else None
    mended(Subscriptions(clients.subscriber), files, {"cloud_storage_config": config}, told, exporting)


def mended(
    subscriptions: Subscriptions, live: Wanted[State], drift: dict[str, Any], told: str, blueprint: Blueprint
) -> None:
    goal = replace(live, state=replace(live.state, **drift))
    observed = subscriptions.observe(goal)
    todo = change(goal, observed)
    assert (todo.action, todo.fields) == ("update", set(drift))
    assert told.replace("P", blueprint.architecture.project_id) in todo.reasons[0]
    subscriptions.update(goal, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, subscriptions.observe(goal)).action == "none"


class Recorder:
    """Google's client as far as a provider calls it, for what the local Pub/Sub refuses by name."""

    def create_subscription(self, request: Any, **_: Any) -> None:
        self.sent = request

    def update_subscription(self, request: Any, **_: Any) -> None:
        self.sent, self.mask = request["subscription"], request["update_mask"]["paths"]

    def get_subscription(self, **_: Any) -> Any:
        return self.sent


def sent(plain: Wanted[State], **state: Any) -> tuple[Any, Subscriptions, Wanted[State]]:
    """A client that was told of a subscription, and that one."""
    goal = replace(plain, state=replace(plain.state, **state))
    client: Any = Recorder()
    subscriptions = Subscriptions(client)
    subscriptions.create(goal)
    assert change(goal, subscriptions.observe(goal)).action == "none"
    return client, subscriptions, goal


def test_push_is_told_to_pub_sub_field_by_field(plain: Wanted[State]) -> None:
    calls = Calls("https://example.com/push", "push@p.iam.gserviceaccount.com", "me", (("x-goog-version", "v1"),))
    client, subscriptions, _ = sent(plain, push_config=calls)
    assert client.sent.push_config.push_endpoint == "https://example.com/push"
    assert client.sent.push_config.oidc_token.service_account_email == "push@p.iam.gserviceaccount.com"
    assert client.sent.push_config.oidc_token.audience == "me"
    assert "no_wrapper" not in client.sent.push_config
    assert "x-goog-version=v1" in change(plain, subscriptions.observe(plain)).reasons[0]


@pytest.mark.parametrize("with_headers", [True, False])
def test_a_push_may_be_the_payload_alone(plain: Wanted[State], with_headers: bool) -> None:
    calls = Calls("https://example.com/push", "", "", (), unwrapped=True, with_headers=with_headers)
    client, _, _ = sent(plain, push_config=calls)
    assert "no_wrapper" in client.sent.push_config
    assert client.sent.push_config.no_wrapper.write_metadata is with_headers


def test_the_version_that_pub_sub_answers_with_is_no_drift_and_stays(plain: Wanted[State]) -> None:
    client, subscriptions, goal = sent(plain, push_config=Calls("https://example.com/push", "", "", ()))
    client.sent.push_config.attributes["x-goog-version"] = "v1"
    observed = subscriptions.observe(goal)
    assert change(goal, observed).action == "none"
    moved = replace(goal, state=replace(goal.state, push_config=Calls("https://example.com/other", "", "", ())))
    subscriptions.update(moved, observed, change(moved, observed).fields)  # type: ignore[arg-type]
    assert client.sent.push_config.push_endpoint == "https://example.com/other"
    assert dict(client.sent.push_config.attributes) == {"x-goog-version": "v1"}


def test_exports_by_the_topic_s_schema_are_told_to_pub_sub(plain: Wanted[State]) -> None:
    client, _, _ = sent(plain, bigquery_config=Rows("p.d.t", use_topic_schema=True, drop_unknown_fields=True))
    assert client.sent.bigquery_config.use_topic_schema
    files = Files("b", "", "", timedelta(minutes=1), None, "avro by the topic's schema with metadata")
    client, _, _ = sent(plain, cloud_storage_config=files)
    assert client.sent.cloud_storage_config.avro_config.use_topic_schema
    assert client.sent.cloud_storage_config.avro_config.write_metadata


def test_who_writes_and_how_files_are_dated_stays_where_unsaid(
    clients: Clients, exporting: Blueprint, retries: Retries
) -> None:
    Provisioner(providers(clients, exporting), retries).apply(wanted(exporting, "air"))
    subscriptions = Subscriptions(clients.subscriber)
    rows, files = exports(exporting)
    assert rows.state.bigquery_config is not None
    assert files.state.cloud_storage_config is not None
    by_hand: dict[str, Any] = {"service_account": "w@p.iam.gserviceaccount.com"}
    dated = {**by_hand, "datetime_format": "YYYY/MM/DD/hh_mm_ss"}
    for one, field, hand, said in (
        (rows, "bigquery_config", by_hand, {"use_table_schema": True}),
        (files, "cloud_storage_config", dated, {"max_bytes": 5000}),
    ):
        delivery: Any = getattr(one.state, field)
        touched = replace(one, state=replace(one.state, **{field: replace(delivery, **hand)}))
        subscriptions.update(touched, subscriptions.observe(one), frozenset({field}))  # type: ignore[arg-type]
        observed = subscriptions.observe(one)
        assert change(one, observed).action == "none"
        goal = replace(one, state=replace(one.state, **{field: replace(delivery, **said)}))
        subscriptions.update(goal, observed, change(goal, observed).fields)  # type: ignore[arg-type]
        live = subscriptions.observe(goal)
        assert live is not None
        assert {name: getattr(getattr(live.state, field), name) for name in hand} == hand


def test_an_update_names_what_it_changes_so_that_transforms_and_all_else_stay(plain: Wanted[State]) -> None:
    client, subscriptions, _ = sent(plain)
    goal = replace(plain, state=replace(plain.state, ack_deadline_seconds=60))
    observed = subscriptions.observe(goal)
    subscriptions.update(goal, observed, change(goal, observed).fields)  # type: ignore[arg-type]
    assert client.mask == ["ack_deadline_seconds"]


def test_a_detached_one_has_nothing_to_lose(
    subscriptions: Subscriptions, plain: Wanted[State], clients: Clients
) -> None:
    subscriptions.create(plain)
    clients.publisher.detach_subscription(request={"subscription": plain.full_name})
    assert subscriptions.holding(plain, frozenset()) is None
    subscriptions.delete(plain)
    assert subscriptions.observe(plain) is None
