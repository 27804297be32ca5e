"""Being told to look: at once, as long as somebody tells, and no oftener than is decent."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from bridge.watch import LONG_PAUSE, Watch
from director.client import Configuration, DirectorError, DirectorRefused, DirectorUnavailable

FOUND = Configuration("p", "d", "s", {})
Eventually = Callable[..., None]


class Script:
    """What the director tells: each call goes as the next of these, the last one for ever."""

    def __init__(self, *calls: int | DirectorError) -> None:
        self._calls = list(calls)
        self.begun = 0

    def __call__(self) -> Iterator[Configuration]:
        self.begun += 1
        call = self._calls.pop(0) if len(self._calls) > 1 else self._calls[0]
        if isinstance(call, DirectorError):
            raise call
        for _ in range(call):
            yield FOUND
        raise DirectorUnavailable("gone")


class Looks:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_each_configuration_is_a_reason_to_look(eventually: Eventually) -> None:
    looks = Looks()
    watch = Watch(Script(3, 2, 0), looks, rng=lambda: 0.0)
    watch.start()
    eventually(lambda: looks.count == 5)
    watch.stop()


def test_a_director_that_is_away_is_asked_again_after_a_while(eventually: Eventually) -> None:
    looks, script = Looks(), Script(DirectorUnavailable("away"), DirectorUnavailable("away"), 1)
    watch = Watch(script, looks, rng=lambda: 0.001)
    watch.start()
    eventually(lambda: looks.count >= 1)
    assert script.begun >= 3
    watch.stop()


def test_a_director_that_cannot_tell_is_left_alone_for_long(
    eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    looks, script = Looks(), Script(DirectorRefused("no", 400, "bad_request", {}))
    watch = Watch(script, looks, rng=lambda: 0.0)
    watch.start()
    eventually(lambda: "it is asked at intervals" in caplog.text)
    assert not threading.Event().wait(0.2)
    assert (script.begun, looks.count) == (1, 0)
    assert LONG_PAUSE >= 60
    watch.stop()


def test_any_other_no_may_change(eventually: Eventually) -> None:
    looks, script = Looks(), Script(DirectorRefused("no", 404, "not_found", {}), 1)
    watch = Watch(script, looks, rng=lambda: 0.0)
    watch.start()
    eventually(lambda: looks.count >= 1)
    watch.stop()


def test_stopped_it_looks_no_more(eventually: Eventually) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def changes() -> Iterator[Configuration]:
        begun.set()
        go_on.wait(10)
        yield FOUND

    looks = Looks()
    watch = Watch(changes, looks)
    watch.start()
    assert begun.wait(10)
    watch.stop()
    go_on.set()
    eventually(lambda: not any(thread.name == "watch" and thread.is_alive() for thread in threading.enumerate()))
    assert looks.count == 0
