"""The last configuration is there for another start: private, whole, of this service, and not too old."""

import json
from pathlib import Path

import pytest

from director.client import Configuration
from director.last_good import LastGood

PARTS = {"project": "p", "dataflow": "air", "service": "bridge", "config": 7}
FOUND = Configuration("p", "air", "bridge", {"routes": {"up": {}}})


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> LastGood:
    return LastGood(tmp_path / "last.json", hours=2, clock=clock)


def test_what_was_kept_comes_back_with_its_age(kept: LastGood, tmp_path: Path) -> None:
    kept.keep(FOUND)
    found = kept.read("air", "bridge")
    assert (found.configuration, found.at) == (FOUND, "2023-11-14T22:13:20Z")
    assert (tmp_path / "last.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["last.json"]


def test_a_newer_one_takes_its_place_whole(kept: LastGood) -> None:
    kept.keep(FOUND)
    newer = Configuration("p", "air", "bridge", {})
    kept.keep(newer)
    assert kept.read("air", "bridge").configuration == newer


def test_one_that_cannot_be_written_leaves_the_one_before(kept: LastGood, tmp_path: Path) -> None:
    kept.keep(FOUND)
    with pytest.raises(TypeError):
        kept.keep(Configuration("p", "air", "bridge", {"x": object()}))
    assert kept.read("air", "bridge").configuration == FOUND
    assert [path.name for path in tmp_path.iterdir()] == ["last.json"]
    with pytest.raises(OSError, match="No such file"):
        LastGood(tmp_path / "no" / "last.json").keep(FOUND)


def test_one_that_is_too_old_or_from_the_future_is_refused(kept: LastGood, clock: Clock) -> None:
    kept.keep(FOUND)
    clock.now += 2 * 3600
    kept.read("air", "bridge")
    clock.now += 1
    with pytest.raises(OSError, match=r"last\.json is 2\.0 hours old, and 2 are allowed"):
        kept.read("air", "bridge")
    clock.now -= 3 * 3600
    with pytest.raises(OSError, match="hours old"):
        kept.read("air", "bridge")


def test_another_services_is_refused(kept: LastGood) -> None:
    kept.keep(FOUND)
    for names in (("air", "archive"), ("water", "bridge")):
        with pytest.raises(OSError, match="is of air/bridge; give each service a file of its own"):
            kept.read(*names)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_one_that_others_may_read_or_write_is_refused(kept: LastGood, tmp_path: Path, mode: int) -> None:
    kept.keep(FOUND)
    (tmp_path / "last.json").chmod(mode)
    with pytest.raises(OSError, match="chmod 600"):
        kept.read("air", "bridge")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"at": "x"}', json.dumps({"at": 1, "project": "p"}), json.dumps({"at": 1, **PARTS})]
)
def test_what_is_no_configuration_is_refused(kept: LastGood, tmp_path: Path, text: str) -> None:
    kept.keep(FOUND)
    (tmp_path / "last.json").write_text(text)
    with pytest.raises(OSError, match="is not what was written there; remove it"):
        kept.read("air", "bridge")


def test_what_is_no_text_is_refused(kept: LastGood, tmp_path: Path) -> None:
    kept.keep(FOUND)
    for content in (b"\xff\xfe\x00", b"[" * 200_000):
        (tmp_path / "last.json").write_bytes(content)
        with pytest.raises(OSError, match="is not what was written there; remove it"):
            kept.read("air", "bridge")


def test_none_is_none(kept: LastGood) -> None:
    with pytest.raises(FileNotFoundError):
        kept.read("air", "bridge")
