"""The register in Firestore gives a record for each document and ABSENT for the rest, with the time of reading."""

import time
from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from beam_jobs.enrichment.cache.firestore import FirestoreSource, micros
from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, LayerUnavailable
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.statistics import Statistics
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.enrichment.parts import attributes


@pytest.fixture
def register(cloud: LocalCloud) -> Iterator[firestore.Client]:
    client = firestore.Client(project="test-project", credentials=AnonymousCredentials())
    yield client
    client.close()


def source(register: firestore.Client, collection: str, fields: dict[str, str]) -> FirestoreSource:
    return FirestoreSource(register, collection, Records(fields, Statistics()))


def test_it_gives_encoded_records_and_absent_for_the_rest(register: firestore.Client) -> None:
    collection = register.collection("register-a")
    collection.document("d1").set({"name": "N", "floor": 3, "on": True, "other": "x"})
    collection.document("d2").set({})
    fields = {"name": "label", "floor": "floor", "on": "on", "gone": "gone"}
    entries = source(register, "register-a", fields).fetch(["d1", "d2", "d3", "", "a/b", "..", "__x__", "k" * 1_501])
    assert attributes(entries["d1"].record) == {
        "device.label": "N",
        "device.floor": "3",
        "device.on": "true",
        "enrichment.status": "ok",
    }
    assert entries["d2"].record == FOUND
    assert {entries[key].record for key in entries if key not in ("d1", "d2")} == {ABSENT}


def test_names_with_dots_and_other_signs_are_found(register: firestore.Client) -> None:
    register.collection("register-d").document("d").set(
        {"a.b": "dotted", "site": {"hall": "nested"}, "größe in m": "1", "0": "zero", ".": "dot", "a`b": "tick"}
    )
    fields = {"a.b": "a", "site.hall": "b", "größe in m": "c", "0": "d", ".": "e", "a`b": "f"}
    found = attributes(source(register, "register-d", fields).fetch(["d"])["d"].record)
    assert [found[f"device.{name}"] for name in "abcdef"] == ["dotted", "nested", "1", "zero", "dot", "tick"]


def test_what_is_read_after_a_write_was_read_no_earlier_than_it(register: firestore.Client) -> None:
    made = source(register, "register-e", {"n": "n"})
    document = register.collection("register-e").document("d")
    before = made.fetch(["d"])["d"]
    for number in range(5):
        written_at = micros(document.set({"n": number}).update_time)
        after = made.fetch(["d"])["d"]
        assert attributes(after.record)["device.n"] == str(number)
        assert before.read_at < written_at <= after.read_at
        before = after


def test_more_devices_than_one_call_takes_are_fetched_in_several(register: firestore.Client) -> None:
    register.collection("register-b").document("d700").set({"name": "N"})
    entries = source(register, "register-b", {"name": "name"}).fetch([f"d{number}" for number in range(1_200)])
    assert len(entries) == 1_200
    assert [key for key, entry in entries.items() if not entry.absent] == ["d700"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_a_register_that_is_away_says_so(code: str, cloud: LocalCloud, register: firestore.Client) -> None:
    cloud.faults.add(Fault(method="firestore.BatchGetDocuments", code=code))
    with pytest.raises(LayerUnavailable):
        source(register, "register-c", {}).fetch(["d"])


def test_a_register_that_hangs_is_given_up_in_time(cloud: LocalCloud, register: firestore.Client) -> None:
    cloud.faults.add(Fault(method="firestore.BatchGetDocuments", action="hang"))
    started = time.monotonic()
    with pytest.raises(LayerUnavailable):
        source(register, "register-c", {}).fetch([f"d{number}" for number in range(1_200)])
    assert time.monotonic() - started < 4.0
