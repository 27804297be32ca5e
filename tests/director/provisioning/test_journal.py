"""No effect without an intent, no intent without what came of it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden

from director.documents.loading import Blueprint
from director.errors import Superseded, Unavailable
from director.ledger.file import FileLedger
from director.ledger.leases import Lease
from director.ledger.ledger import Entry, Record
from director.provisioning.base import Observed, Wanted
from director.provisioning.fingerprints import fingerprint
from director.provisioning.journal import Journal
from director.resources.catalogue import wanted

SCOPE = "p.plant.air"


class Shaky(FileLedger):
    """A ledger that is away when it is told so."""

    away = False

    def append(self, scope: str, record: Record, entry: Entry) -> None:
        if self.away:
            raise Unavailable("away")
        super().append(scope, record, entry)


@pytest.fixture
def ledger() -> Iterator[Shaky]:
    made = Shaky()
    yield made
    made.close()


@pytest.fixture
def lease(ledger: Shaky) -> Iterator[Lease]:
    with Lease(ledger, SCOPE, "anna", clock=lambda: 0.0) as held:
        yield held


def journal(ledger: Shaky, lease: Lease) -> Journal:
    return Journal(ledger, lease, "operation-1", "anna", lambda: datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))


@pytest.fixture
def topic(blueprint: Blueprint) -> Wanted[Any]:
    return wanted(blueprint, "air")[0]


def phases(ledger: Shaky) -> list[tuple[str, str]]:
    return [(one.action, one.phase) for one in ledger.records(SCOPE)]


def test_an_intent_is_written_before_the_effect_and_its_outcome_after(
    ledger: Shaky, lease: Lease, topic: Wanted[Any]
) -> None:
    with journal(ledger, lease).effect("create", topic) as permit:
        permit()
        [intent] = ledger.records(SCOPE)
    assert (intent.phase, intent.action, intent.key) == ("intent", "create", topic.key)
    assert (intent.operation, intent.who, intent.token) == ("operation-1", "anna", lease.token)
    assert (intent.wanted, intent.at) == (fingerprint(topic.state), "2026-05-04T03:02:01.000000Z")
    outcome = ledger.records(SCOPE)[1]
    assert (outcome.phase, outcome.intent) == ("done", intent.id)
    assert ledger.entries(SCOPE) == {topic.key: Entry(made=True, wanted=fingerprint(topic.state))}


def test_what_was_created_counts_as_ours_from_its_intent_to_the_end_of_its_delete(
    ledger: Shaky, lease: Lease, topic: Wanted[Any]
) -> None:
    one = journal(ledger, lease)
    with one.effect("create", topic):
        assert ledger.entries(SCOPE)[topic.key].made
    with one.effect("delete", topic):
        assert ledger.entries(SCOPE)[topic.key].made
    assert ledger.entries(SCOPE)[topic.key] == Entry(action="delete")


def test_an_update_does_not_make_it_ours(ledger: Shaky, lease: Lease, topic: Wanted[Any]) -> None:
    with journal(ledger, lease).effect("update", topic):
        pass
    assert ledger.entries(SCOPE)[topic.key] == Entry(False, fingerprint(topic.state), "", "update")


def test_an_error_is_an_outcome(ledger: Shaky, lease: Lease, topic: Wanted[Any]) -> None:
    with pytest.raises(Forbidden), journal(ledger, lease).effect("delete", topic):
        raise Forbidden("no right")
    assert phases(ledger) == [("delete", "intent"), ("delete", "failed")]
    assert ledger.records(SCOPE)[1].detail == "Forbidden: 403 no right"


def test_without_its_intent_there_is_no_effect(ledger: Shaky, lease: Lease, topic: Wanted[Any]) -> None:
    ledger.away = True
    with pytest.raises(Unavailable), journal(ledger, lease).effect("create", topic):
        pytest.fail("the effect must not happen")
    assert ledger.records(SCOPE) == []


def test_a_stale_director_is_stopped_by_the_ledger_alone(ledger: Shaky, lease: Lease, topic: Wanted[Any]) -> None:
    """Its own clock tells it nothing here: it stands still."""
    stale = journal(ledger, lease)
    ledger.release(SCOPE, lease.token)
    ledger.take(SCOPE, "bert", 60)
    with pytest.raises(Superseded, match="went over to bert"), stale.effect("create", topic):
        pytest.fail("the effect must not happen")
    assert ledger.records(SCOPE) == []


def test_an_outcome_that_cannot_be_written_is_told_and_explained_by_the_next_run(
    ledger: Shaky, lease: Lease, topic: Wanted[Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), journal(ledger, lease).effect("create", topic):
        ledger.away = True
    assert f"the outcome of create on {topic.full_name} is not in the journal: away" in caplog.text
    ledger.away = False
    journal(ledger, lease).explain({topic.key: Observed(topic.state, topic.owner)}, {topic.key})
    intent, explained = ledger.records(SCOPE)
    assert (explained.phase, explained.intent, explained.detail) == ("explained", intent.id, "found there")
    assert ledger.entries(SCOPE)[topic.key] == Entry(made=True)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_found_gone_is_ours_no_more_unless_nobody_looked(
    ledger: Shaky, lease: Lease, topic: Wanted[Any], known: bool, killed: type[BaseException]
) -> None:
    with pytest.raises(killed), journal(ledger, lease).effect("create", topic):
        raise killed
    journal(ledger, lease).explain({topic.key: None} if known else {}, {topic.key} if known else ())
    assert ledger.entries(SCOPE)[topic.key].made is not known
    assert ledger.records(SCOPE)[1].detail.startswith("found not there" if known else "no longer in the document")
    assert ledger.entries(SCOPE)[topic.key].pending == ""


def test_what_is_in_the_document_and_was_not_looked_at_waits_for_a_run_that_does(
    ledger: Shaky, lease: Lease, topic: Wanted[Any], killed: type[BaseException]
) -> None:
    with pytest.raises(killed), journal(ledger, lease).effect("create", topic):
        raise killed
    journal(ledger, lease).explain({}, {topic.key})
    assert phases(ledger) == [("create", "intent")]
    assert ledger.entries(SCOPE)[topic.key].pending


def test_the_adopted_counts_as_made_by_us(ledger: Shaky, lease: Lease, topic: Wanted[Any]) -> None:
    journal(ledger, lease).adopt(topic)
    assert ledger.entries(SCOPE)[topic.key].made
    assert ledger.records(SCOPE)[0].detail == "adopted as it was found"
