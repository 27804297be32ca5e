"""What is wanted and what the broker has come together, whatever happens on the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.subscriptions import Request, Subscriptions

FILTERS = st.sets(st.sampled_from("abcd"))


class Broker:
    """Keeps a session's filters, answers in order, and forgets what was on its way when a connection ends."""

    def __init__(self, subscriptions: Subscriptions, held: set[str]) -> None:
        self.subscriptions = subscriptions
        self.held = held
        self.unread: list[tuple[int, Request]] = []
        self.unheard: list[tuple[int, list[int]]] = []
        self._last = 0

    def ask(self) -> None:
        for request in self.subscriptions.due():
            self._last += 1
            self.subscriptions.sent(self._last, request)
            self.unread.append((self._last, request))

    def read(self) -> None:
        for number, request in self.unread[:1]:
            for one in request.filters:
                (self.held.add if request.subscribe else self.held.discard)(one)
            self.unheard.append((number, [int(request.subscribe)] * len(request.filters)))
        self.unread = self.unread[1:]

    def answer(self) -> None:
        for number, codes in self.unheard[:1]:
            self.subscriptions.answered(number, codes)
        self.unheard = self.unheard[1:]

    def connect(self, keep: bool, ask_again: bool) -> None:
        self.unread, self.unheard = [], []
        if not keep:
            self.held.clear()
        self.subscriptions.connected(keep, ask_again)
        self.ask()


@given(
    first=FILTERS,
    left_over=FILTERS,
    again=st.booleans(),
    steps=st.lists(
        st.sampled_from(["read", "answer", "lose", "resume"]) | FILTERS,
        max_size=30,
    ),
)
def test_in_the_end_the_broker_has_what_is_wanted_and_nothing_else(
    first: set[str], left_over: set[str], again: bool, steps: list[Any]
) -> None:
    subscriptions = Subscriptions(first, left_over - first)
    broker = Broker(subscriptions, set(left_over))
    wanted = first
    broker.connect(True, again)
    for step in steps:
        if isinstance(step, set):
            wanted = step
            subscriptions.want(step)
            broker.ask()
        elif step in ("lose", "resume"):
            broker.connect(step == "resume", again)
        else:
            getattr(broker, step)()
    while broker.unread or broker.unheard:
        broker.read()
        broker.answer()
    assert broker.held == wanted
    assert subscriptions.settled
    assert subscriptions.refused == []


@pytest.mark.parametrize(("again", "due"), [(False, ["b"]), (True, ["a", "b"])])
def test_what_is_granted_is_asked_for_again_in_a_resumed_session_only_where_told_so(
    again: bool, due: list[str]
) -> None:
    subscriptions = Subscriptions(["a", "b"])
    subscriptions.connected(resumed=False, ask_again=again)
    (request,) = subscriptions.due()
    subscriptions.sent(1, request)
    subscriptions.answered(1, [1, 0x80])
    subscriptions.connected(resumed=True, ask_again=again)
    assert subscriptions.due() == [Request(True, due)]
    subscriptions.connected(resumed=False, ask_again=again)
    assert subscriptions.due() == [Request(True, ["a", "b"])]


def test_of_a_change_the_new_is_asked_for_first() -> None:
    subscriptions = Subscriptions(["old", "kept"])
    subscriptions.connected(resumed=False, ask_again=True)
    subscriptions.due()
    subscriptions.want(["kept", "new"])
    assert subscriptions.due() == [Request(True, ["new"]), Request(False, ["old"])]
    assert subscriptions.due() == []


def test_what_is_refused_is_known_by_its_filter_and_due_again_after_a_change() -> None:
    subscriptions = Subscriptions(["a", "b", "c"])
    subscriptions.connected(resumed=False, ask_again=True)
    (request,) = subscriptions.due()
    subscriptions.sent(7, request)
    assert subscriptions.answered(8, [1]) is None
    assert subscriptions.answered(7, [1, 0x87]) == Request(True, ["b", "c"])
    assert subscriptions.refused == ["b", "c"]
    assert not subscriptions.subscribed
    subscriptions.want(["a", "b"])
    assert subscriptions.refused == []
    assert subscriptions.due() == [Request(True, ["b"]), Request(False, ["c"])]


def test_what_the_broker_will_not_unsubscribe_is_told_and_asked_for_at_the_next_connection() -> None:
    subscriptions = Subscriptions([], gone=["a"])
    subscriptions.connected(resumed=True, ask_again=True)
    (request,) = subscriptions.due()
    subscriptions.sent(1, request)
    assert subscriptions.answered(1, [0x87]) == Request(False, ["a"])
    assert not subscriptions.settled
    subscriptions.connected(resumed=True, ask_again=True)
    assert subscriptions.due() == [Request(False, ["a"])]
