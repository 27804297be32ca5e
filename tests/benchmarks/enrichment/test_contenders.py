"""All contenders of the race do the same work: out of the same messages come the same messages."""

from collections.abc import Callable, Sequence

import pytest
from google.pubsub_v1.types import PublishRequest

from benchmarks.enrichment import ours, peers, workload
from benchmarks.enrichment.edges import Taken
from benchmarks.race import Metrics
from bridge import envelope

DEVICES = 20
MESSAGES = workload.messages(200, DEVICES)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Taken, "requests", [])
    peers.know(workload.device(number) for number in range(DEVICES + 1))


def sent(run: Callable[[Sequence[bytes]], Metrics]) -> dict[str, tuple[bytes, dict[str, str]]]:
    """What came out, by id."""
    assert Taken.requests is not None
    Taken.requests.clear()
    assert run(MESSAGES)["msg/s"] > 0
    requests = [PublishRequest.deserialize(one) for one in Taken.requests]
    return {
        one.attributes["ce-id"]: (one.data, dict(one.attributes)) for request in requests for one in request.messages
    }


def test_ours_adds_record_status_and_window() -> None:
    out = sent(ours.job("once", ours.cache()))
    assert len(out) == len(MESSAGES)
    for raw in MESSAGES:
        message = envelope.parse(raw)
        data, facts = out[message.attributes["ce-id"]]
        device = message.attributes["ce-subject"]
        added = facts.items() - dict(message.attributes).items()
        assert data == message.data
        assert added >= workload.record(device).items()
        assert {name for name, _ in added} == {*workload.record(device), "window.start", "window.end"}


@pytest.mark.parametrize("peer", [peers.plain_loop, peers.idiomatic, peers.enrichment])
def test_peers_give_what_ours_gives(peer: Callable[[Sequence[bytes]], Metrics]) -> None:
    assert sent(peer) == sent(ours.job(f"beside {peer.__name__}", ours.cache()))


def test_the_graph_without_work_gives_what_it_got() -> None:
    got = {facts["ce-id"]: (data, facts) for data, facts in _plain()}
    assert sent(ours.nothing("nothing")) == got


def _plain() -> list[tuple[bytes, dict[str, str]]]:
    return [(one.data, dict(one.attributes)) for one in map(envelope.parse, MESSAGES)]


def test_a_contender_that_lets_less_out_than_it_got_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="0 messages came out of 5"):
        ours.measured(5, lambda: None)
