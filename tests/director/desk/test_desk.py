"""Dead letters through the real clients: listed, sent back to the stage that failed, marked."""

from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from google.cloud.bigquery import SchemaField, Table

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from bridge import envelope
from director.desk.selection import Selection
from director.errors import Misconfigured, Unavailable
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.desk.offices import LETTERS, NOW, Office

ALL = Selection(decided=True)
PENDING = Selection()
ODD_PAYLOADS = (b"", b"\x00\xff\xfe", bytes(range(256)), "é\u2028🌡".encode(), b"{" * 1_000, b"x" * 1_000_000)
Make = Callable[..., bytes]


def ids(letters: Any) -> list[str]:
    return [letter.message_id for letter in letters]


def test_letters_are_listed_oldest_first_without_their_payload(office: Office, letter: Make) -> None:
    (late,) = office.add(letter(), at=NOW)
    (early,) = office.add(letter(), at=NOW - timedelta(hours=1))
    found = list(office.desk().list(PENDING))
    assert ids(found) == [early, late]
    assert [one.data for one in found] == [None, None]
    assert (found[0].stage, found[0].reason, found[0].device, found[0].attempt) == (
        "warehouse",
        "invalid_value",
        "device-1",
        1,
    )


def test_a_letter_that_pubsub_wrote_twice_is_one(office: Office, letter: Make) -> None:
    row = {"message_id": "1", "publish_time": NOW.isoformat(), "data": "", "attributes": '{"dead_letter.stage": "a"}'}
    office.insert([row, row])
    assert ids(office.desk().list(PENDING)) == ["1"]
    assert [count.letters for count in office.desk().summary(PENDING)] == [1]


def test_filters_narrow_and_may_be_joined(office: Office, letter: Make) -> None:
    at = NOW - timedelta(hours=3)
    (a,) = office.add(letter(stage="archive", reason="archive_conflict", **{"ce-id": "a"}), at=at)
    (b,) = office.add(letter(**{"ce-id": "b", "ce-subject": "device-2"}))
    (c,) = office.add(letter(reason="row_refused", **{"ce-id": "c"}), at=NOW + timedelta(hours=1))

    def found(**wanted: Any) -> list[str]:
        return ids(office.desk().list(Selection(**wanted)))

    assert found(stages=("archive",)) == [a]
    assert found(stages=("archive", "warehouse"), reasons=("row_refused", "archive_conflict")) == [a, c]
    assert found(ce_ids=("b", "c")) == [b, c]
    assert found(devices=("device-2",)) == [b]
    assert found(message_ids=(c,)) == [c]
    assert found(since=NOW) == [b, c]
    assert found(until=NOW) == [a]
    assert found(since=NOW, until=NOW + timedelta(hours=1)) == [b]
    assert found(limit=2) == [a, b]
    assert found(stages=("bridge",)) == []


def test_what_people_type_is_a_value_and_never_part_of_a_query(office: Office, letter: Make) -> None:
    nasty = "' OR TRUE; DROP TABLE x; --`\\"
    (odd,) = office.add(letter(reason=nasty, **{"ce-id": nasty, "ce-subject": nasty}))
    office.add(letter())
    for name in ("reasons", "ce_ids", "devices"):
        assert ids(office.desk().list(Selection(**{name: (nasty,)}))) == [odd]
    for name in ("stages", "message_ids"):
        assert ids(office.desk().list(Selection(**{name: (nasty,)}))) == []


def test_the_summary_counts_by_stage_and_reason_without_the_limit(office: Office, letter: Make) -> None:
    office.add(letter(), at=NOW - timedelta(days=1))
    office.add(letter(), letter(), letter(stage="archive", reason="archive_conflict"))
    counts = office.desk().summary(Selection(limit=1))
    assert [(one.stage, one.reason, one.letters) for one in counts] == [
        ("warehouse", "invalid_value", 3),
        ("archive", "archive_conflict", 1),
    ]
    assert (counts[0].oldest, counts[0].newest) == (NOW - timedelta(days=1), NOW)


def test_a_retry_reaches_the_stage_that_failed_and_nobody_else(office: Office, letter: Make) -> None:
    warehouse, archive = office.topic("warehouse", "archive")
    office.add(letter(warehouse))
    (outcome,) = office.desk().retry(PENDING)
    assert (outcome.done, outcome.target) == ("retried", warehouse)
    assert len(office.pulled(warehouse)) == 1
    assert office.pulled(archive) == []


def test_a_retried_message_is_for_everybody_again_behind_the_stage(office: Office, letter: Make) -> None:
    """Enrichment forwards the attributes a message came with, those of the retry among them."""
    (enrichment,) = office.topic("enrichment")
    warehouse, archive = office.topic("warehouse", "archive")
    office.add(letter(enrichment, stage="enrichment"))
    list(office.desk().retry(PENDING))
    (message,) = office.pulled(enrichment)
    behind = office.clients.subscriber.get_subscription(subscription=warehouse).topic
    office.clients.publisher.publish(topic=behind, messages=[message])
    assert len(office.pulled(warehouse)) == len(office.pulled(archive)) == 1


def test_a_retry_is_the_original_bytes_and_attributes(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    odd = {"mqtt.up.ünï": "ø\n\t\"'", "empty": "", "device.location": "hall-1"}
    office.add(*(letter(subscription, data=data, **odd, **{"ce-id": f"id-{n}"}) for n, data in enumerate(ODD_PAYLOADS)))
    assert {one.done for one in office.desk().retry(PENDING)} == {"retried"}
    got = {message.attributes["ce-id"]: message for message in office.pulled(subscription)}
    for number, data in enumerate(ODD_PAYLOADS):
        message = got[f"id-{number}"]
        assert message.data == data
        assert dict(message.attributes) == {
            "ce-specversion": "1.0",
            "ce-id": f"id-{number}",
            "ce-subject": "device-1",
            **odd,
            "retry.to": f"{subscription.rpartition('/')[2].partition('-')[0]}/{subscription.rpartition('/')[2]}",
            "retry.attempt": "2",
        }


def test_a_message_that_fails_again_says_which_try_it_was(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription))
    for attempt in (2, 3):
        list(office.desk().retry(PENDING))
        (message,) = office.pulled(subscription)
        raw = type(message).serialize(message)
        office.add(dead_letter(raw, "warehouse", subscription, CannotSucceed("still broken", "invalid_value")))
        (again,) = office.desk().list(PENDING)
        assert again.attempt == attempt
        assert again.original == {"ce-specversion": "1.0", "ce-id": "id-1", "ce-subject": "device-1"}


def test_every_decision_is_recorded_once_and_the_letter_listed_no_more(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    (kept,) = office.add(letter(subscription))
    (let_go,) = office.add(letter(subscription, reason="row_refused"))
    desk = office.desk()
    assert [one.done for one in desk.discard(Selection(message_ids=(let_go,)), note="known")] == ["discarded"]
    assert [one.done for one in desk.retry(PENDING)] == ["retried"]
    assert list(desk.list(PENDING)) == []
    assert list(desk.retry(PENDING)) == []
    assert office.decisions() == [
        {"message_id": kept, "decision": "retried", "target": subscription, "note": None} | who_and_when(),
        {"message_id": let_go, "decision": "discarded", "target": None, "note": "known"} | who_and_when(),
    ]
    first, second = desk.list(ALL)
    assert first.decision is not None
    assert second.decision is not None
    assert (first.decision.decision, second.decision.decision) == ("retried", "discarded")


def who_and_when() -> dict[str, Any]:
    return {"decided_by": "ada", "decided_at": NOW}


def test_of_several_decisions_the_last_counts(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription))
    list(office.desk().discard(PENDING))
    list(office.desk(now=lambda: NOW + timedelta(minutes=1)).retry(ALL))
    (found,) = office.desk().list(ALL)
    assert found.decision is not None
    assert found.decision.decision == "retried"


def test_a_crash_between_publish_and_decision_sends_it_twice_under_the_same_id(
    office: Office, letter: Make, cloud: LocalCloud
) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription))
    cloud.faults.add(Fault(method="bigquery.tabledata.insertAll", code="PERMISSION_DENIED", calls=1))
    with pytest.raises(Unavailable, match="1 letters were sent, but that could not be recorded"):
        list(office.desk().retry(PENDING))
    assert office.decisions() == []
    assert [one.done for one in office.desk().retry(PENDING)] == ["retried"]
    assert [message.attributes["ce-id"] for message in office.pulled(subscription)] == ["id-1", "id-1"]
    assert len(office.decisions()) == 1


def test_nothing_is_recorded_of_what_pubsub_did_not_accept(office: Office, letter: Make, cloud: LocalCloud) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription))
    cloud.faults.add(Fault(method="pubsub.Publish", code="PERMISSION_DENIED", calls=1))
    with pytest.raises(Exception, match=r"publishing to .*injected fault"):
        list(office.desk().retry(PENDING))
    assert office.decisions() == []
    assert len(list(office.desk().list(PENDING))) == 1


def test_a_message_that_pubsub_refuses_does_not_hold_up_the_others(
    office: Office, letter: Make, cloud: LocalCloud
) -> None:
    (subscription,) = office.topic("warehouse")
    good, bad, _ = office.add(letter(subscription), letter(subscription, **{"ce-id": "poison"}), letter(subscription))
    cloud.faults.add(Fault(method="pubsub.Publish", code="INVALID_ARGUMENT", marker="poison"))
    outcomes = {one.letter.message_id: one for one in office.desk().retry(PENDING)}
    assert (outcomes[good].done, outcomes[bad].done) == ("retried", "refused")
    assert "Pub/Sub refuses it" in outcomes[bad].why
    assert len(office.pulled(subscription)) == 2
    assert bad not in [row["message_id"] for row in office.decisions()]


@pytest.mark.parametrize(
    ("came_from", "why"),
    [
        ("projects/PROJECT/subscriptions/nowhere", "is not there any more"),
        ("projects/PROJECT/topics/enriched", "no subscription to which it could go back"),
        ("", "no subscription to which it could go back"),
    ],
)
def test_a_letter_without_a_way_back_is_refused(office: Office, letter: Make, came_from: str, why: str) -> None:
    office.add(letter(came_from.replace("PROJECT", office.project)))
    (outcome,) = office.desk().retry(PENDING, force=True)
    assert outcome.done == "refused"
    assert why in outcome.why
    assert office.decisions() == []


def test_a_letter_that_no_stage_of_ours_wrote_is_refused(office: Office) -> None:
    office.add(envelope.data(b"x") + envelope.attribute("CloudPubSubDeadLetterSourceDeliveryCount", "5"))
    (outcome,) = office.desk().retry(PENDING)
    assert "no dead_letter.stage" in outcome.why


def test_a_subscription_whose_topic_is_gone_is_refused(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.clients.publisher.delete_topic(
        topic=office.clients.subscriber.get_subscription(subscription=subscription).topic
    )
    office.add(letter(subscription))
    (outcome,) = office.desk().retry(PENDING)
    assert "was deleted" in outcome.why


def test_without_a_filter_for_retries_it_takes_force(office: Office, letter: Make) -> None:
    warehouse, archive = office.topic("warehouse", "archive", filtered=False)
    office.add(letter(warehouse))
    (outcome,) = office.desk().retry(PENDING)
    assert outcome.done == "refused"
    assert "every subscription to" in outcome.why
    assert [one.done for one in office.desk().retry(PENDING, force=True)] == ["retried"]
    assert len(office.pulled(warehouse)) == len(office.pulled(archive)) == 1


def test_a_filter_that_would_keep_the_retry_out_is_refused_even_by_force(office: Office, letter: Make) -> None:
    (some,) = office.topic("some")
    topic = office.clients.subscriber.get_subscription(subscription=some).topic
    name = f"projects/{office.project}/subscriptions/other"
    other = {"name": name, "topic": topic, "filter": 'NOT attributes:"retry.to"'}
    office.clients.subscriber.create_subscription(request=other)
    office.add(letter(name))
    (outcome,) = office.desk().retry(PENDING, force=True)
    assert "would not let it through" in outcome.why


def test_attempts_are_bounded_unless_forced(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription, **{"retry.to": f"t/{subscription.rpartition('/')[2]}", "retry.attempt": "5"}))
    (outcome,) = office.desk().retry(PENDING)
    assert outcome.done == "refused"
    assert "it failed 5 times, and 5 are allowed" in outcome.why
    assert [one.done for one in office.desk().retry(PENDING, max_attempts=6)] == ["retried"]
    assert [one.done for one in office.desk().retry(ALL, force=True)] == ["retried"]
    assert {message.attributes["retry.attempt"] for message in office.pulled(subscription)} == {"6"}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription), letter("nothing"))
    assert sorted(one.done for one in office.desk().retry(PENDING, dry_run=True)) == ["refused", "retried"]
    assert [one.done for one in office.desk().discard(PENDING, dry_run=True)] == ["discarded"] * 2
    assert office.pulled(subscription) == []
    assert office.decisions() == []


def test_more_than_one_batch_is_sent_and_recorded_as_it_goes(office: Office, letter: Make) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(*(letter(subscription, **{"ce-id": f"id-{n}"}) for n in range(700)))
    taken = list(islice(office.desk().retry(PENDING), 1))
    assert len(taken) == 1
    assert len(office.decisions()) == 500
    assert sum(one.done == "retried" for one in office.desk().retry(PENDING)) == 200
    assert len(office.decisions()) == 700


def test_attributes_may_be_json_in_a_column_of_text(office: Office, letter: Make) -> None:
    office.clients.bigquery.delete_table(office.tables.letters)
    columns = [SchemaField(column.name, "STRING") if column.name == "attributes" else column for column in LETTERS]
    office.clients.bigquery.create_table(Table(office.tables.letters, schema=columns))
    office.add(letter())
    (found,) = office.desk().list(Selection(stages=("warehouse",)))
    assert found.ce_id == "id-1"


def test_payloads_that_are_no_bytes_are_not_guessed_at(office: Office, letter: Make) -> None:
    office.clients.bigquery.delete_table(office.tables.letters)
    columns = [SchemaField(column.name, "STRING") if column.name == "data" else column for column in LETTERS]
    office.clients.bigquery.create_table(Table(office.tables.letters, schema=columns))
    office.add(letter())
    with pytest.raises(Misconfigured, match="has to be BYTES"):
        list(office.desk().retry(PENDING))


def test_tables_that_are_not_there_are_named(office: Office) -> None:
    office.clients.bigquery.delete_table(office.tables.decisions)
    with pytest.raises(Misconfigured, match=r"dead_letter_decisions.*conductor apply"):
        list(office.desk().list(PENDING))
