"""Single flight: however many threads want a key at once, one of them fetches it."""

import threading
from collections.abc import Callable, Collection

Fetch = Callable[[set[str]], dict[str, bytes]]


class _Flight:
    """A fetch under way; `found` counts once `landed` is set."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.found: dict[str, bytes] = {}


class Flights:
    """Fetches under way in this process, by key. A caller waits at most `patience` seconds for another's."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()

    def share(self, keys: Collection[str], fetch: Fetch) -> dict[str, bytes]:
        """What `fetch` gives for `keys`, called only for those that no other thread is fetching.

        A key is missing where its fetch did not give it, failed, or took too long. An error is its own caller's.
        """
        own = _Flight()
        mine, others = self._claimed(keys, own)
        found: dict[str, bytes] = {}
        if mine:
            try:
                own.found = found = fetch(mine)
            finally:
                self._land(mine, own)
        for flight, wanted in others.items():  # only now: two that wait for each other have both landed theirs
            flight.landed.wait(self._patience)
            found = found | {key: flight.found[key] for key in wanted if key in flight.found}
        return found

    def leave_behind(self, keys: Collection[str]) -> None:
        """Who wants one of `keys` from now on does not join a fetch that began before."""
        with self._lock:
            for key in keys:
                self._flights.pop(key, None)

    def _claimed(self, keys: Collection[str], own: _Flight) -> tuple[set[str], dict[_Flight, set[str]]]:
        mine: set[str] = set()
        others: dict[_Flight, set[str]] = {}
        with self._lock:
            for key in keys:
                flight = self._flights.setdefault(key, own)
                if flight is own:
                    mine.add(key)
                else:
                    others.setdefault(flight, set()).add(key)
        return mine, others

    def _land(self, keys: Collection[str], flight: _Flight) -> None:
        with self._lock:
            for key in keys:
                if self._flights.get(key) is flight:
                    del self._flights[key]
        flight.landed.set()
