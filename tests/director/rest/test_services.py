"""A service's own slice: at once, or as soon as it is another than the service has."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from director.rest.app import create_app
from director.rest.route import Parts
from director.rest.turns import MOST_WAITERS
from director.safety.policy import Grant
from director.service import Director
from director.versions.version import Added, Contents
from tests.director.rest.conftest import Door

URL = "/v1/dataflows/air/services/bridge/config"
ANNA = Added("anna")
Eventually = Callable[..., None]


def change(door: Door, old: str, new: str) -> None:
    now = door.renewal.versions.contents(door.renewal.version.number)
    texts = {**now.texts, now.hub: now.texts[now.hub].replace(old, new)}
    door.renewal.add(Contents(now.hub, texts), door.renewal.version.number, ANNA)


class Waiter:
    """A call that waits, and when it was answered."""

    def __init__(self, door: Door, wait: float = 20.0, who: str = "service", url: str = URL) -> None:
        self._door, self._wait, self._who, self._url = door, wait, who, url
        self.etag = door.as_(who).get(url).headers["ETag"]
        self.answer: Any = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def end(self) -> Any:
        self._thread.join(30)
        assert self.answer is not None
        return self.answer

    def _ask(self) -> None:
        began = time.monotonic()
        asked = f"{self._url}?wait={self._wait}"
        self.answer = self._door.as_(self._who).get(asked, headers={"If-None-Match": self.etag})
        self.seconds = time.monotonic() - began


def waiting(door: Door) -> int:
    parts: Parts = door.app.extensions["director"]
    free = 0
    while parts.turns.waiters.acquire(blocking=False):
        free += 1
    for _ in range(free):
        parts.turns.waiters.release()
    return MOST_WAITERS - free


def test_who_has_another_configuration_or_none_does_not_wait(door: Door) -> None:
    for headers in ({}, {"If-None-Match": '"another"'}):
        assert door.as_("service").get(f"{URL}?wait=30", headers=headers).json["config"]["routes"]


def test_who_waits_is_answered_as_soon_as_it_changes(door: Door, eventually: Eventually) -> None:
    waiter = Waiter(door)
    eventually(lambda: waiting(door) == 1)
    change(door, "a/#", "b/#")
    answer = waiter.end()
    assert (answer.status_code, answer.json["config"]["routes"]) == (200, {"up": {"filter": "b/#"}})
    assert answer.headers["ETag"] != waiter.etag
    assert waiting(door) == 0


def test_what_changes_for_others_wakes_nobody_else(door: Door, eventually: Eventually) -> None:
    waiter = Waiter(door, wait=1.0)
    eventually(lambda: waiting(door) == 1)
    change(door, "level: 3", "level: 4")
    assert waiter.end().status_code == 304
    assert waiter.seconds >= 1.0


def test_when_the_time_is_over_nothing_has_changed(door: Door) -> None:
    waiter = Waiter(door, wait=0.2)
    assert (waiter.end().status_code, waiter.end().data) == (304, b"")
    assert "Retry-After" not in waiter.end().headers


def test_at_most_half_of_the_threads_wait_and_others_are_told_to_come_back(door: Door, eventually: Eventually) -> None:
    waiters = [Waiter(door) for _ in range(MOST_WAITERS)]
    eventually(lambda: waiting(door) == MOST_WAITERS)
    late = Waiter(door)
    assert (late.end().status_code, late.end().headers["Retry-After"]) == (304, "10")
    assert late.seconds < 5
    change(door, "a/#", "b/#")
    assert [waiter.end().status_code for waiter in waiters] == [200] * MOST_WAITERS
    assert waiting(door) == 0


def test_a_server_that_stops_keeps_nobody_waiting(director: Director, door: Door, eventually: Eventually) -> None:
    stopping = threading.Event()
    other = Door(create_app(director, None, stopping=stopping.is_set, renewal=door.renewal), director, door.renewal)
    waiter = Waiter(other, who="root")
    eventually(lambda: waiting(other) == 1)
    stopping.set()
    assert waiter.end().status_code == 304
    assert waiter.seconds < 10


@pytest.fixture
def withdrawn(safety: dict[str, Any]) -> None:
    """With the next version the service's grant goes to another."""
    safety["regranted"] = lambda _: (Grant(identity="viewer", role="service", dataflow="air", service="bridge"),)


@pytest.mark.usefixtures("withdrawn")
def test_whose_grant_goes_with_the_new_version_does_not_see_it(door: Door, eventually: Eventually) -> None:
    waiter = Waiter(door)
    eventually(lambda: waiting(door) == 1)
    change(door, "a/#", "b/#")
    assert (waiter.end().status_code, waiter.end().json["code"]) == (404, "not_found")
    assert door.as_("viewer").get(URL).status_code == 200


def test_a_service_that_vanishes_while_it_waits_is_told(door: Door, eventually: Eventually) -> None:
    waiter = Waiter(door, who="root", url="/v1/dataflows/water/services/pump/config")
    eventually(lambda: waiting(door) == 1)
    now = door.renewal.versions.contents(1)
    hub = now.texts[now.hub].split("  water:")[0]
    door.renewal.add(Contents(now.hub, {**now.texts, now.hub: hub}), 1, ANNA)
    assert waiter.end().status_code == 404


def test_how_long_is_within_bounds(door: Door) -> None:
    for wrong in ("31", "-1", "nan", "x"):
        assert door.as_("service").get(f"{URL}?wait={wrong}").status_code == 400
