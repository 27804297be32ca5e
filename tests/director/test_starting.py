"""A service starts with what its director says; where that does not answer, with what it was told to, or not at all."""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from director import starting
from director.client import DirectorClient, DirectorRefused, DirectorUnavailable
from director.documents.loading import Blueprint
from director.last_good import LastGood
from director.rest.app import create_app
from director.retries import Retries
from director.service import Director
from director.starting import Ways
from director.strict import DocumentError
from localcloud.ports import free_port
from tests.director.rest.conftest import serving


@pytest.fixture
def director(blueprint: Blueprint, world: Any, retries: Retries) -> Director:
    return Director(blueprint, world.provide, retries, workers=1)


@pytest.fixture
def client(director: Director) -> Iterator[DirectorClient]:
    for url in serving(create_app(director)):
        yield DirectorClient(url, budget=0.1)


@pytest.fixture
def nobody() -> DirectorClient:
    return DirectorClient(f"http://127.0.0.1:{free_port()}", budget=0.1)


@pytest.fixture
def ways(tmp_path: Path) -> Ways:
    fallback = tmp_path / "fallback.yaml"
    fallback.write_text("routes: {fallback: {}}\n")
    return Ways(LastGood(tmp_path / "last.json"), fallback)


def test_the_director_is_asked_first_and_what_it_says_is_kept(
    director: Director, client: DirectorClient, nobody: DirectorClient, ways: Ways
) -> None:
    director.apply("air")
    started = starting.start(client, "air", "bridge", ways)
    assert (started.source.data["routes"], started.remark) == ({"up": {"filter": "a/#"}}, None)
    later = starting.start(nobody, "air", "bridge", ways)
    assert later.source.data == started.source.data
    assert later.remark is not None
    assert later.remark.startswith("started without the director, with the configuration of 20")


def test_without_a_last_good_one_the_fallback_is_taken_and_told(
    nobody: DirectorClient, ways: Ways, caplog: pytest.LogCaptureFixture
) -> None:
    started = starting.start(nobody, "air", "bridge", ways)
    assert started.source.data == {"routes": {"fallback": {}}}
    assert started.remark == "started without the director, with the fallback configuration"
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [one.partition(":")[0] for one in warnings] == [
        "no last good configuration to start with",
        "started without the director, with the fallback configuration",
    ]


def test_whoever_asked_for_nothing_of_the_kind_does_not_start(nobody: DirectorClient, tmp_path: Path) -> None:
    for ways in (Ways(), Ways(LastGood(tmp_path / "last.json"))):
        with pytest.raises(DirectorUnavailable, match="does not answer"):
            starting.start(nobody, "air", "bridge", ways)
    with pytest.raises(DocumentError):
        starting.start(nobody, "air", "bridge", Ways(None, tmp_path / "absent.yaml"))


def test_a_director_that_says_no_is_obeyed(director: Director, client: DirectorClient, ways: Ways) -> None:
    with pytest.raises(DirectorRefused, match="not_ready"):
        starting.start(client, "air", "bridge", ways)
    director.apply("air")
    starting.start(client, "air", "bridge", ways)
    with pytest.raises(DirectorRefused, match="not_found"):
        starting.start(client, "air", "nobody", ways)


def test_a_director_that_cannot_look_now_counts_as_away(world: Any, client: DirectorClient, ways: Ways) -> None:
    def away(call: str, key: tuple[str, str], when: str) -> None:
        raise ServiceUnavailable("nobody there")

    world.strike = away
    assert starting.start(client, "air", "bridge", ways).source.data == {"routes": {"fallback": {}}}


def test_what_cannot_be_kept_is_told_and_keeps_nobody_from_starting(
    director: Director, client: DirectorClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    director.apply("air")
    started = starting.start(client, "air", "bridge", Ways(LastGood(tmp_path / "no" / "last.json")))
    assert started.remark is None
    assert "cannot be kept for another start" in caplog.text


def test_the_options_say_where_and_how_old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    starting.add_arguments(parser)
    assert starting.ways(parser.parse_args([])) == Ways()
    given = parser.parse_args(["--last_good", str(tmp_path / "l"), "--fallback_config", "f.yaml"])
    assert starting.ways(given).fallback == Path("f.yaml")
    assert starting.ways(given).last_good is not None
    for hours in ("0", "-1", "nan", "8761", "long"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--last_good_hours", hours])
        assert "write more than 0 and at most 8760 hours" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--last_good", "--fallback_config"])
def test_options_that_would_do_nothing_are_refused(option: str) -> None:
    parser = argparse.ArgumentParser()
    starting.add_arguments(parser)
    with pytest.raises(OSError, match=f"{option} does nothing without --director_url"):
        starting.check_unused(parser.parse_args([option, "x"]))
