"""What would be lost with a resource, as each kind finds out, and how it goes with its data."""

from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import Blueprint, load
from director.keys import BUCKETS, COLLECTIONS, DATASETS, SUBSCRIPTIONS, TABLES, TOPICS
from director.provisioning.base import Holding, Providers, Wanted
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries

NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def kinds(clients: Clients, blueprint: Blueprint) -> Providers:
    """With everything of the dataflow made."""
    found = providers(clients, blueprint)
    assert all(outcome.good for outcome in Provisioner(found, Retries()).apply(wanted(blueprint, "air")))
    return found


def one(blueprint: Blueprint, kind: str) -> Wanted[Any]:
    return next(resource for resource in wanted(blueprint, "air") if resource.kind == kind)


def test_fresh_resources_hold_nothing_but_each_other(kinds: Providers, blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    going = frozenset(resource.full_name for resource in resources)
    assert [kinds[resource.kind].holding(resource, going) for resource in resources] == [None] * 7


def test_a_topic_feeds_subscriptions_of_others(kinds: Providers, blueprint: Blueprint, clients: Clients) -> None:
    topic, ours = one(blueprint, TOPICS), one(blueprint, SUBSCRIPTIONS).full_name
    theirs = ours.replace("readings-archive", "theirs")
    clients.subscriber.create_subscription(name=theirs, topic=topic.full_name)
    assert kinds[TOPICS].holding(topic, frozenset({ours})) == Holding(f"what feeds {theirs}")


def test_a_subscription_has_a_backlog_that_stays_where_it_is(
    kinds: Providers, blueprint: Blueprint, clients: Clients
) -> None:
    subscription = one(blueprint, SUBSCRIPTIONS)
    clients.publisher.publish(topic=subscription.state.topic, messages=[{"data": b"x"}])
    assert kinds[SUBSCRIPTIONS].holding(subscription, NOTHING) == Holding("a backlog")
    pulled = clients.subscriber.pull(subscription=subscription.full_name, max_messages=1, timeout=10)
    assert [message.message.data for message in pulled.received_messages] == [b"x"]


def test_what_pubsub_delivers_itself_nobody_can_see(clients: Clients, document: Path) -> None:
    text = document.read_text().replace(
        "- name: readings-archive\n", "- {name: out, topic: dead, %s}\n        - name: readings-archive\n"
    )
    document.write_text(text % "push: {endpoint: 'https://example.com/push'}")
    blueprint = load(document)
    subscription = one(blueprint, SUBSCRIPTIONS)
    found = providers(clients, blueprint)[SUBSCRIPTIONS].holding(subscription, NOTHING)
    assert found == Holding("messages not delivered yet, which nobody but Pub/Sub can see")


def test_a_table_has_rows_and_goes_with_them(kinds: Providers, blueprint: Blueprint, clients: Clients) -> None:
    table = one(blueprint, TABLES)
    assert clients.bigquery.insert_rows_json(table.full_name, [{"at": "2026-01-01T00:00:00Z", "device": "d"}]) == []
    assert kinds[TABLES].holding(table, NOTHING) == Holding("rows")
    kinds[TABLES].delete(table, True)
    assert kinds[TABLES].observe(table) is None


def test_a_dataset_has_what_is_not_going_and_nobody_may_agree_to_that(
    kinds: Providers, blueprint: Blueprint, clients: Clients
) -> None:
    dataset, table = one(blueprint, DATASETS), one(blueprint, TABLES)
    clients.bigquery.create_table(f"{dataset.full_name}.theirs")
    assert kinds[DATASETS].holding(dataset, frozenset({table.full_name})) == Holding(
        f"{dataset.full_name}.theirs", True
    )


def test_a_bucket_has_objects_of_every_version_and_goes_with_them(
    kinds: Providers, blueprint: Blueprint, clients: Clients
) -> None:
    bucket = one(blueprint, BUCKETS)
    live = clients.storage.get_bucket(bucket.full_name)
    live.versioning_enabled = True
    live.patch()
    for name in ("a", "b", "b"):
        live.blob(name).upload_from_string("x")
    live.blob("a").delete()  # still there as an older version
    assert kinds[BUCKETS].holding(bucket, NOTHING) == Holding("objects")
    kinds[BUCKETS].delete(bucket, True)
    assert kinds[BUCKETS].observe(bucket) is None


def test_a_collection_has_what_people_wrote_and_goes_with_it(
    kinds: Providers, blueprint: Blueprint, clients: Clients
) -> None:
    collection = one(blueprint, COLLECTIONS)
    clients.firestore.document("devices/d-1").set({"name": "renamed"})
    clients.firestore.document("devices/theirs").set({"name": "theirs"})
    assert kinds[COLLECTIONS].holding(collection, NOTHING) == Holding("documents that are not its seeds")
    kinds[COLLECTIONS].delete(collection)
    assert {found.id for found in clients.firestore.collection("devices").stream()} == {"d-1", "theirs"}
    kinds[COLLECTIONS].delete(collection, True)
    assert not list(clients.firestore.collection("devices").stream())
