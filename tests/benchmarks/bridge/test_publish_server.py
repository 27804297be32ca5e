"""The Publish server of the race: it counts, answers ids, and looks into messages only when asked."""

import json
from pathlib import Path

import grpc
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1.types import PublishRequest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bridge import devices
from benchmarks.bridge.publish_server import content, messages_in
from benchmarks.bridge.stand import Stand, stand


@given(st.lists(st.tuples(st.binary(max_size=40_000), st.dictionaries(st.text(), st.text())), max_size=6), st.text())
def test_the_count_is_the_one_protobuf_would_give(messages: list[tuple[bytes, dict[str, str]]], topic: str) -> None:
    request = PublishRequest(topic=topic, messages=[{"data": data, "attributes": each} for data, each in messages])
    assert messages_in(PublishRequest.serialize(request)) == len(messages)


def test_a_message_of_every_length_of_length_is_counted_once() -> None:
    for size in (0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152):
        request = PublishRequest(topic="t", messages=[{"data": b"x" * size}, {"data": b"y"}])
        assert messages_in(PublishRequest.serialize(request)) == 2


def request_at(serial: int, sent: int, attributes: dict[str, str]) -> bytes:
    data = devices.payload(serial, sent)
    return bytes(PublishRequest.serialize(PublishRequest(messages=[{"data": data, "attributes": attributes}])))


SECOND = 10**9
SENT = 1_700_000_000 * SECOND


def test_a_delay_is_that_of_the_first_copy() -> None:
    kept = [(SENT + delay, request_at(7, SENT, {})) for delay in (5, 900)]
    assert content(kept)["delays"] == [(7, 5)]


def test_the_stamp_is_found_inside_another_json_document() -> None:
    wrapped = json.dumps({"fields": {"value": devices.payload(3, SENT).decode() + '"}'}}).encode()
    request = PublishRequest.serialize(PublishRequest(messages=[{"data": wrapped}]))
    assert content([(SENT + 8, bytes(request))])["delays"] == [(3, 8)]


def test_only_attributes_that_all_messages_have_are_named() -> None:
    kept = [(SENT, request_at(1, SENT, {"a": "1", "b": "1"})), (SENT, request_at(2, SENT, {"b": "2"}))]
    assert content(kept)["attributes"] == ["b"]


def test_google_s_client_publishes_to_it_and_every_message_has_an_id_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stand() as at:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", at.pubsub)
        client = pubsub_v1.PublisherClient()
        at.ask("Record")
        futures = [client.publish("projects/p/topics/t", devices.payload(n, SENT), kind="x") for n in range(300)]
        ids = {future.result(timeout=30) for future in futures}
        client.stop()
        assert len(ids) == at.published() == 300
        recorded = at.recorded()
    assert [serial for serial, _ in recorded["delays"]] == list(range(300))
    assert recorded["attributes"] == ["kind"]


def test_it_is_nothing_but_publish() -> None:
    with stand() as at, pytest.raises(grpc.RpcError) as refused:
        _unknown(at)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def _unknown(at: Stand) -> None:
    at.observer.unary_unary("/google.pubsub.v1.Publisher/CreateTopic", None, None)(b"", timeout=30)


def test_a_stand_leaves_nothing_behind() -> None:
    with stand() as at:
        broker, folder = Path(f"/proc/{at.broker}"), at.folder
        assert broker.exists()
        assert folder.exists()
    assert not broker.exists()
    assert not folder.exists()
