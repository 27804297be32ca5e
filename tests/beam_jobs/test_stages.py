"""Three stages, one promise: what goes in comes out, or is dead, by id."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.transforms import Archiver
from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, Entry
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import Stage
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.transforms import RowWriter
from bridge import envelope

SUBSCRIPTION = "projects/p/subscriptions/s"
EDGES = {"subscription": SUBSCRIPTION, "dead_letter_topic": "projects/p/topics/dead"}


class Register:
    """Knows every device whose name has an even length."""

    name = "register"

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        known = envelope.attribute("device.location", "hall") + FOUND
        return {key: Entry(known if len(key) % 2 == 0 else ABSENT, 0) for key in keys}


class Table:
    """Refuses every seventh row."""

    def append(self, rows: Sequence[bytes]) -> dict[int, str]:
        return dict.fromkeys(range(0, len(rows), 7), "refused")


class Store:
    """Meets other content wherever an object has an even number of lines."""

    def write(self, objects: Sequence[ArchiveObject]) -> dict[str, CannotSucceed]:
        even = [one.name for one in objects if int(one.metadata.get("count", 1)) % 2 == 0]
        return dict.fromkeys(even, CannotSucceed("other", "archive_conflict"))


def enricher() -> Stage:
    config = EnrichmentConfig(
        topic="projects/p/topics/t", collection="devices", fields={"location": "location"}, **EDGES
    )
    return Enricher(Lookup(Register()), config)


def row_writer() -> Stage:
    columns = (
        Column(name="id", type="STRING", mode="REQUIRED", attribute="ce-id"),
        Column(name="at", type="TIMESTAMP", attribute="ce-time"),
        Column(name="temp", type="FLOAT64", pointer="/temp"),
        Column(name="payload", type="JSON", envelope="payload"),
    )
    return RowWriter(RowEncoder(columns), Table(), SUBSCRIPTION)


def archiver() -> Stage:
    return Archiver(Store(), ArchiveConfig(bucket="bucket", **EDGES))


PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b'{"temp": 1.5}', b'{"temp": "x"}', b'{"temp": 1e999}', b'{"temp": NaN}', b"[" * 900, b'{"temp":{}}']
    ),
)
TIMES = st.one_of(
    st.just("2026-01-02T03:04:05.678901Z"),
    st.sampled_from(["", "yesterday", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
)
VERSIONS = st.sampled_from(["1.0", "1.0", "1.0", "2.0", ""])


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    made = []
    for number in range(draw(st.integers(0, 20))):
        facts = {"ce-id": str(number), "ce-specversion": draw(VERSIONS), "ce-time": draw(TIMES)}
        if draw(st.booleans()):
            facts["ce-subject"] = draw(st.text(max_size=5))
        if draw(st.booleans()):
            facts["device.location"] = draw(st.sampled_from(["hall", "../../etc", "", "Ü"]))
        made.append(envelope.data(draw(PAYLOADS)) + envelope.attributes(facts))
    return made


@pytest.mark.parametrize("open_stage", [enricher, row_writer, archiver])
@given(batch=batches())
def test_whatever_goes_in_is_done_or_a_dead_letter(open_stage: Any, batch: list[bytes]) -> None:
    result = open_stage()(batch)
    assert result.done + len(result.dead_letters) == len(batch)
    dead = [envelope.parse(raw) for raw in result.dead_letters]
    assert len({message.attributes["ce-id"] for message in dead}) == len(dead)
    for message in dead:
        original = envelope.parse(batch[int(message.attributes["ce-id"])])
        assert message.data == original.data
        assert dict(original.attributes).items() <= dict(message.attributes).items()
        assert message.attributes["dead_letter.reason"]
        assert message.attributes["dead_letter.original_topic"] == SUBSCRIPTION


@given(batch=batches())
def test_enrichment_passes_on_by_id_what_is_not_dead(batch: list[bytes]) -> None:
    result = enricher()(batch)
    ids = [envelope.parse(raw).attributes["ce-id"] for raw in result.messages + result.dead_letters]
    assert sorted(ids, key=int) == [str(number) for number in range(len(batch))]
    for raw in result.messages:
        message = envelope.parse(raw)
        assert message.data == envelope.parse(batch[int(message.attributes["ce-id"])]).data
        assert message.attributes["enrichment.status"] in ("ok", "not_found")
