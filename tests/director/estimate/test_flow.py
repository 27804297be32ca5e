"""What each topic and service gets."""

import pytest

from director.documents.loading import Blueprint, load_texts
from director.errors import Misconfigured
from director.estimate.flow import Flow, Rate, flow
from director.estimate.usage import Usage
from director.strict import parse
from tests.director.estimate.plants import HEAD, TOPICS, plant, usage

ENRICHED = """
  - name: enriched
    message_retention_duration: 10m
    producers: [{name: job, lookup: {key: topic}}]
"""
READ_TWICE = """
  - name: readings-job-too
    topic: readings
    consumer_service: {name: job, lookup: {key: other}}
"""
DEAD = """
  - name: dead
    message_retention_duration: 10m
    producers:
      - {name: bridge, lookup: {key: dead_letter_topic}}
      - {name: job, lookup: {key: DEAD_LETTER_TOPIC, method: env}}
"""


def flowing(blueprint: Blueprint, said: Usage | None = None) -> Flow:
    return flow(blueprint.architecture, "air", said or usage())


def topics(more: str) -> Blueprint:
    """The small plant with these topics beside its own."""
    return plant(TOPICS.replace("\nsubscriptions:", more.rstrip() + "\nsubscriptions:"))


def test_data_enters_where_services_write_that_read_nothing() -> None:
    found = flowing(topics(ENRICHED))
    assert found.topics["readings"].rate == Rate(100, 50_000)
    assert found.topics["readings"].why == "what enters here"


def test_a_service_sends_on_what_it_gets() -> None:
    found = flowing(topics(ENRICHED))
    assert found.topics["enriched"].rate == found.service("job") == Rate(100, 50_000)
    assert found.topics["enriched"].why == "what job gets"


def test_a_service_gets_a_topic_as_often_as_it_subscribes() -> None:
    blueprint = plant(TOPICS.replace("\nsubscriptions:", ENRICHED.rstrip() + "\nsubscriptions:") + READ_TWICE)
    assert flowing(blueprint).topics["enriched"].rate == Rate(200, 100_000)


def test_a_topic_has_the_share_and_the_size_that_the_usage_says() -> None:
    said = usage(topics={"enriched": {"share": 0.1, "bytes": 2000}})
    found = flowing(topics(ENRICHED), said).topics["enriched"]
    assert found.rate == Rate(10, 20_000)
    assert found.why == "0.1 of what job gets"


def test_what_the_usage_says_of_a_topic_takes_the_place_of_its_producers() -> None:
    said = usage(topics={"readings": {"messages_per_second": 7, "bytes": 10}})
    found = flowing(topics(ENRICHED), said)
    assert found.topics["readings"].rate == found.topics["enriched"].rate == Rate(7, 70)


def test_two_that_bring_data_to_one_topic_bring_it_once() -> None:
    both = TOPICS.replace("[{name: bridge,", "[{name: store, lookup: {key: there}}, {name: bridge,")
    assert flowing(plant(both)).topics["readings"].rate == Rate(100, 50_000)


def test_a_topic_nobody_here_writes_to_is_written_to_by_others() -> None:
    orphan = "\n  - name: orphan\n    message_retention_duration: 10m\n"
    assert flowing(topics(orphan)).topics["orphan"].rate == Rate(100, 50_000)


def test_dead_letters_are_none_unless_a_share_is_said() -> None:
    found = flowing(topics(DEAD)).topics["dead"]
    assert not found.rate.messages
    assert "topics.dead.share" in found.why
    said = usage(topics={"dead": {"share": 0.01}})
    assert flowing(topics(DEAD), said).topics["dead"].rate == Rate(2, 1000)  # of what enters and of what job gets


def test_dead_letters_that_pubsub_hands_over_are_none_unless_a_share_is_said() -> None:
    given_up = "\n  - name: given-up\n    message_retention_duration: 10m\n"
    with_policy = TOPICS.replace("\nsubscriptions:", given_up.rstrip() + "\nsubscriptions:").replace(
        "topic: readings\n", "topic: readings\n    dead_letter_policy: {topic: given-up, max_delivery_attempts: 5}\n"
    )
    assert not flowing(plant(with_policy)).topics["given-up"].rate.messages
    said = usage(topics={"given-up": {"share": 0.5}})
    assert flowing(plant(with_policy), said).topics["given-up"].rate == Rate(50, 25_000)


def test_a_scheduled_topic_gets_what_is_scheduled() -> None:
    job = "\ncloud_scheduler_jobs: [{name: tick, schedule: every 1 minutes, topic: ticks, data: '12345'}]\n"
    ticks = "\n  - name: ticks\n    message_retention_duration: 10m"
    found = flowing(plant(TOPICS.replace("\nsubscriptions:", ticks + "\nsubscriptions:") + job)).topics["ticks"]
    assert found.rate.messages == pytest.approx(1 / 60)
    assert found.rate.bytes == pytest.approx(5 / 60)
    assert found.why == "what tick publishes"


CHANNEL = "notification_channels: [{{name: there, type: pubsub, channel_labels: {{topic: {}}}}}]"


@pytest.mark.parametrize(
    "writer",
    [
        "firestore_collections: [{name: devices, invalidation_topic: told}]",
        "secrets: [{name: key, create: true, rotation: {topic: told, period: 30d}}]",
        CHANNEL.format("told"),
        CHANNEL.format("projects/plant-project/topics/told"),
    ],
)
def test_what_the_director_and_google_write_now_and_then_is_not_counted(writer: str) -> None:
    told = "\n  - name: told\n    message_retention_duration: 10m"
    found = flowing(plant(TOPICS.replace("\nsubscriptions:", told + "\nsubscriptions:") + f"\n{writer}\n"))
    assert not found.topics["told"].rate.messages
    assert found.topics["told"].why.startswith("nothing is assumed to come here")


def test_commands_for_the_director_are_not_counted() -> None:
    hub = HEAD.replace(
        "dataflows:", "service_manager_spec: {command_topic: {name: c01}, completion_topic: {name: c02}}\ndataflows:"
    )
    doors = """\
      topics:
        - {name: c01, message_retention_duration: 10m}
        - {name: c02, message_retention_duration: 10m}
      subscriptions:
        - {name: c01-director, topic: c01, dead_letter_policy: {topic: c02, max_delivery_attempts: 5}}
"""
    blueprint = load_texts({"hub.yaml": hub + doors}, "hub.yaml")
    assert not any(told.rate.messages for told in flowing(blueprint).topics.values())


CIRCLE = """
topics:
  - name: again
    message_retention_duration: 10m
    producers: [{name: job, lookup: {key: retry}}]
subscriptions:
  - name: again-job
    topic: again
    consumer_service: {name: job, lookup: {key: subscription}}
"""


def test_a_circle_is_refused_until_the_usage_says_what_goes_round() -> None:
    with pytest.raises(Misconfigured, match=r"circle: again -> again; .* topics\.again\.messages_per_second"):
        flowing(plant(CIRCLE))
    said = usage(topics={"again": {"messages_per_second": 3}})
    assert flowing(plant(CIRCLE), said).service("job") == Rate(3, 1500)


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [
        ({}, r"how much topic 'readings' gets; add topics\.readings\.messages_per_second .* --messages-per-second"),
        ({"messages_per_second": 5}, r"how large the messages .* topics\.readings\.bytes .* or --bytes"),
    ],
)
def test_what_is_not_said_is_not_made_up(defaults: dict[str, float], problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem):
        flowing(plant(TOPICS), parse({"defaults": defaults}, Usage))
