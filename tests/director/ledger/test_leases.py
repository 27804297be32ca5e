"""A lease is good as long as it is renewed, and nobody acts on one that may be another's."""

import threading
from collections.abc import Callable, Iterator

import pytest

from director.errors import Busy, Superseded, Unavailable
from director.ledger.file import FileLedger
from director.ledger.leases import Lease, since_boot

SCOPE = "p.plant.air"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Flaky(FileLedger):
    """A ledger that is away for some renewals."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0
        self.renewed = threading.Semaphore(0)

    def renew(self, scope: str, token: int, seconds: float) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        super().renew(scope, token, seconds)
        self.renewed.release()


@pytest.fixture
def ledger() -> Iterator[Flaky]:
    made = Flaky()
    yield made
    made.close()


def test_it_is_held_inside_and_free_outside(ledger: Flaky) -> None:
    with Lease(ledger, SCOPE, "anna") as lease:
        lease.check()
        with pytest.raises(Busy), Lease(ledger, SCOPE, "bert"):
            pass
    with Lease(ledger, SCOPE, "bert") as later:
        assert later.token == lease.token + 1


def test_it_is_given_back_after_an_error_too(ledger: Flaky) -> None:
    with pytest.raises(RuntimeError), Lease(ledger, SCOPE, "anna"):
        raise RuntimeError
    with Lease(ledger, SCOPE, "bert"):
        pass


def test_it_is_renewed_at_a_third_of_its_time_and_over_a_ledger_that_is_away(ledger: Flaky) -> None:
    ledger.away = 1
    with Lease(ledger, SCOPE, "anna", seconds=0.6) as lease:
        for _ in range(4):  # well past its first 0.6 s
            assert ledger.renewed.acquire(timeout=10)
        lease.check()
        with pytest.raises(Busy):
            ledger.take(SCOPE, "bert", 1)


def test_without_a_renewal_in_time_it_is_not_relied_on(ledger: Flaky) -> None:
    clock = Clock()
    with Lease(ledger, SCOPE, "anna", seconds=30, clock=clock) as lease:
        clock.now += 29.9
        lease.check()
        clock.now += 0.1
        with pytest.raises(Superseded, match=r"p\.plant\.air was not renewed in time"):
            lease.check()


def test_it_learns_at_the_next_renewal_that_another_has_it(ledger: Flaky, eventually: Callable[..., None]) -> None:
    with Lease(ledger, SCOPE, "anna", seconds=0.3, clock=lambda: 0.0) as lease:
        ledger.away = 1_000
        eventually(lambda: taken(ledger))
        ledger.away = 0
        eventually(lambda: lost(lease))
        with pytest.raises(Superseded, match="went over to bert"):
            lease.check()
    with pytest.raises(Busy, match="bert"):  # giving back what one no longer has takes nothing from the other
        ledger.take(SCOPE, "carl", 1)


def taken(ledger: FileLedger) -> bool:
    try:
        ledger.take(SCOPE, "bert", 60)
    except Busy:
        return False
    return True


def lost(lease: Lease) -> bool:
    try:
        lease.check()
    except Superseded:
        return True
    return False


def test_its_clock_goes_on() -> None:
    first = since_boot()
    assert 0 < first <= since_boot()
