"""A refresh happens beside the caller, once for each key at a time, and outlives what goes wrong."""

from collections.abc import Callable

from beam_jobs.enrichment.cache.refresher import Refresher, in_a_thread


class Later:
    """Work that waits until told."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def run(self) -> None:
        while self.work:
            self.work.pop(0)()


def test_keys_asked_for_before_the_work_begins_go_together() -> None:
    refreshed: list[set[str]] = []
    later = Later()
    refresher = Refresher(refreshed.append, later)
    refresher.ask("ab")
    refresher.ask("bc")
    assert (refreshed, len(later.work)) == ([], 1)
    later.run()
    assert refreshed == [{"a", "b", "c"}]


def test_a_key_under_way_is_not_refreshed_twice_and_others_follow() -> None:
    refreshed: list[set[str]] = []
    later = Later()

    def refresh(keys: set[str]) -> None:
        refreshed.append(keys)
        if len(refreshed) == 1:
            refresher.ask("ab")

    refresher = Refresher(refresh, later)
    refresher.ask("a")
    later.run()
    assert refreshed == [{"a"}, {"b"}]
    assert later.work == []


def test_after_an_error_the_next_refresh_goes_on() -> None:
    refreshed: list[set[str]] = []
    later = Later()

    def refresh(keys: set[str]) -> None:
        refreshed.append(keys)
        raise ZeroDivisionError

    refresher = Refresher(refresh, later)
    refresher.ask("a")
    later.run()
    refresher.ask("a")
    later.run()
    assert refreshed == [{"a"}, {"a"}]


def test_work_in_a_thread_is_done(eventually: Callable[..., None]) -> None:
    refreshed: list[set[str]] = []
    Refresher(refreshed.append, in_a_thread).ask("a")
    eventually(lambda: refreshed == [{"a"}])
