"""Events as they happen: each reader sees what is theirs, and goes on where they left off."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.director.rest.conftest import Door


class Reader:
    """One stream, read event by event."""

    def __init__(self, door: Door, who: str, last: str | None = None) -> None:
        headers = {} if last is None else {"Last-Event-ID": last}
        self.response = door.as_(who).get("/v1/events", headers=headers)
        assert self.response.status_code == 200, self.response.text
        assert self.response.mimetype == "text/event-stream"
        self._texts: Iterator[Any] = iter(self.response.response)

    def next(self) -> dict[str, str]:
        """Comments are left out."""
        while True:
            lines = next(self._texts).decode().strip().splitlines()
            if not lines[0].startswith(":"):
                return dict(line.split(": ", 1) for line in lines)

    def opened(self) -> None:
        assert next(self._texts).startswith(b":")

    def close(self) -> None:
        self.response.close()


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    found: list[Reader] = []
    yield found
    for one in found:
        one.close()


def test_a_stream_tells_what_happens_from_now_on(door: Door, readers: list[Reader]) -> None:
    door.as_("root").post("/v1/dataflows/air:apply", json={"service": "bridge"})
    reader = Reader(door, "viewer")
    readers.append(reader)
    reader.opened()
    done = door.as_("operator").post("/v1/dataflows/air:apply", json={"service": "bridge"}).json["operation"]
    events = [reader.next() for _ in range(3)]
    assert [one["event"] for one in events] == ["operation.began", "operation.resource", "operation.ended"]
    data = [json.loads(one["data"]) for one in events]
    assert {one["operation"] for one in data} == {done}
    assert data[1]["resource"]["result"] == "unchanged"
    assert data[2]["state"] == "succeeded"


def test_a_reader_sees_only_what_is_theirs_and_goes_on_where_they_left_off(door: Door, readers: list[Reader]) -> None:
    root = Reader(door, "root")
    readers.append(root)
    root.opened()
    for dataflow in ("water", "air"):
        door.as_("root").post(f"/v1/dataflows/{dataflow}:apply")
    first = root.next()
    assert json.loads(first["data"])["dataflow"] == "water"
    viewer = Reader(door, "viewer", last=first["id"])
    again = Reader(door, "root", last=first["id"])
    readers += [viewer, again]
    assert json.loads(viewer.next()["data"])["dataflow"] == "air"
    assert json.loads(again.next()["data"])["dataflow"] == "water"


@pytest.mark.parametrize("last", ["0-7", "nonsense", "", "00000000-99999999999999999999"])
def test_who_left_off_in_another_life_is_told_that_something_is_lost(
    door: Door, readers: list[Reader], last: str
) -> None:
    door.as_("root").post("/v1/dataflows/air:apply")
    reader = Reader(door, "viewer", last=last)
    readers.append(reader)
    assert reader.next()["event"] == "lost"
    assert reader.next()["event"] == "operation.began"


def test_only_so_many_read_at_once_and_each_makes_room_again(door: Door, readers: list[Reader]) -> None:
    for _ in range(2):
        found = [Reader(door, "viewer") for _ in range(4)]
        full = door.as_("viewer").get("/v1/events")
        assert (full.status_code, full.json["code"]) == (503, "too_many_readers")
        for one in found:
            one.close()
            one.close()
    assert door.as_("viewer").head("/v1/events").status_code == 200
    readers += [Reader(door, "viewer") for _ in range(4)]
