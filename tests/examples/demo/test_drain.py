"""The demo ends when everything is accounted for, and gives up when nothing moves."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from examples.demo import drain
from examples.demo.drain import Drain, Sinks
from examples.demo.ledger import Delivered
from examples.demo.progress import Snapshot
from examples.demo.reconcile import DeadLetter

IDS = [f"run-{serial}" for serial in range(1, 4)]


class Progress:
    """A fleet that has delivered everything."""

    def __init__(self) -> None:
        self.sent = {key: Delivered(serial, key, "good", 100.0, 100.1) for serial, key in enumerate(IDS, 1)}

    def snapshot(self) -> Snapshot:
        return Snapshot(published=3, bridged=3, enriched=3, rows=3, archived=3, dead_lettered=0)


@dataclass
class Sink:
    """Gets one more message each time it is looked at; the first look fails where told."""

    missing: frozenset[str] = frozenset()
    away: bool = False
    seen: list[str] = field(default_factory=list)

    def messages(self) -> int:
        if self.away:
            self.away = False
            raise ServiceUnavailable("being started again")
        return len(self.arrivals())

    def arrivals(self) -> dict[str, list[float]]:
        rest = [key for key in IDS if key not in self.seen and key not in self.missing]
        self.seen += rest[:1]
        return {key: [101.0] for key in self.seen}


@dataclass
class Desk:
    found: list[DeadLetter] = field(default_factory=list)

    def letters(self) -> list[DeadLetter]:
        return self.found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "GLANCE_EVERY", 0.001)
    monkeypatch.setattr(drain, "LOOK_EVERY", 0.0)


def waited(warehouse: Sink, archive: Sink, desk: Desk) -> tuple[drain.Drained, list[Snapshot]]:
    shown: list[Snapshot] = []
    sinks: Any = Sinks(warehouse, archive, desk)  # type: ignore[arg-type]
    progress: Any = Progress()
    return Drain(progress, sinks, 3, patience=0.2).wait(shown.append), shown


def test_it_ends_when_both_sinks_have_everything() -> None:
    drained, shown = waited(Sink(), Sink(), Desk())
    assert drained.reconciliation.lost == []
    assert len(shown) >= 3


def test_it_waits_while_the_services_are_started_again() -> None:
    drained, _ = waited(Sink(away=True), Sink(), Desk())
    assert drained.reconciliation.lost == []


def test_dead_letters_account_for_what_the_sinks_lack() -> None:
    lacking = frozenset({"run-2"})
    letters = [DeadLetter("run-2", "bridge", "not_json")]
    drained, _ = waited(Sink(lacking), Sink(lacking), Desk(letters))
    assert drained.reconciliation.lost == []
    assert drained.dead_letters == letters


def test_it_gives_up_when_nothing_moves_and_names_what_is_lost() -> None:
    drained, _ = waited(Sink(), Sink(frozenset({"run-3"})), Desk())
    assert drained.reconciliation.lost == ["run-3"]
