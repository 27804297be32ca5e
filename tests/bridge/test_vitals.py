"""Alive is not ready: an outage makes a bridge unready, and only what a new start can help makes it leave."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bridge.vitals import STUCK_LOOKS, Vitals

DEADLINE = 20.0


@dataclass
class Session:
    alive: bool = True
    problem: str | None = None


@dataclass
class Publishing:
    broken: bool = False
    fault: str | None = None
    failing_for: float = 0.0
    oldest_attempt_age: float = 0.0


@dataclass
class Reload:
    alive: bool = True


@dataclass
class Body:
    session: Session = field(default_factory=Session)
    publishing: Publishing = field(default_factory=Publishing)
    reload: Reload = field(default_factory=Reload)

    def __post_init__(self) -> None:
        self.vitals = Vitals(self.session, self.publishing, self.reload, DEADLINE)


def test_well_is_alive_and_ready() -> None:
    vitals = Body().vitals
    assert (vitals.not_live(), vitals.not_ready(), vitals.gone()) == (None, None, None)


@pytest.mark.parametrize(
    ("kill", "words"),
    [
        (lambda body: setattr(body.session, "alive", False), "network thread"),
        (lambda body: setattr(body.reload, "alive", False), "reload thread"),
        (lambda body: setattr(body.publishing, "broken", True), "lost track"),
    ],
)
def test_what_is_dead_is_gone_at_the_first_look(kill: Callable[[Body], None], words: str) -> None:
    body = Body()
    kill(body)
    for told in (body.vitals.not_live(), body.vitals.not_ready(), body.vitals.gone()):
        assert words in (told or "")


def test_a_try_far_beyond_its_deadline_is_gone_when_it_stays_so() -> None:
    body = Body()
    body.publishing.oldest_attempt_age = DEADLINE + 11
    assert "31 s" in (body.vitals.not_live() or "")
    assert [body.vitals.gone() is None for _ in range(STUCK_LOOKS)] == [True] * (STUCK_LOOKS - 1) + [False]


def test_a_process_that_was_suspended_gets_time_to_catch_up() -> None:
    body = Body()
    body.publishing.oldest_attempt_age = 300
    assert [body.vitals.gone() for _ in range(STUCK_LOOKS - 1)] == [None] * (STUCK_LOOKS - 1)
    body.publishing.oldest_attempt_age = 0.1
    assert body.vitals.gone() is None
    body.publishing.oldest_attempt_age = 300
    assert body.vitals.gone() is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda body: setattr(body.session, "problem", "not connected to mqtt://b"), "not connected"),
        (lambda body: setattr(body.publishing, "fault", "grant roles/pubsub.publisher"), "roles/pubsub.publisher"),
        (lambda body: setattr(body.publishing, "failing_for", 3_600.0), "taken nothing for 3600 s"),
        (lambda body: setattr(body.publishing, "oldest_attempt_age", DEADLINE), "taken nothing for 20 s"),
        (lambda body: setattr(body.vitals, "stopping", True), "stopping"),
    ],
)
def test_an_outage_makes_it_unready_and_leaves_it_alive(spoil: Callable[[Body], None], words: str) -> None:
    body = Body()
    spoil(body)
    assert words in (body.vitals.not_ready() or "")
    assert body.vitals.not_live() is None
    assert [body.vitals.gone() for _ in range(2 * STUCK_LOOKS)] == [None] * 2 * STUCK_LOOKS


def test_a_publish_that_failed_a_moment_ago_is_nothing_to_speak_of() -> None:
    body = Body()
    body.publishing.failing_for = body.publishing.oldest_attempt_age = 9.9
    assert body.vitals.not_ready() is None


def test_while_it_stops_it_is_alive_though_its_threads_end() -> None:
    body = Body()
    body.vitals.stopping = True
    body.reload.alive = body.session.alive = False
    assert (body.vitals.not_live(), body.vitals.not_ready()) == (None, "stopping")
