"""What many tests stand on: a cloud and a broker of their own, reached through the real wire."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from localcloud.broker import mosquitto
from localcloud.cache import valkey
from localcloud.children import Child, Program
from localcloud.cloud import LocalCloud, in_thread
from localcloud.ports import free_port

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def machine() -> Iterator[LocalCloud]:
    """One cloud for all tests of a worker; resources have unique names."""
    with in_thread() as cloud:
        yield cloud


@pytest.fixture
def cloud(machine: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    """The cloud, with Google's clients pointed at it and no faults in force."""
    for name, value in machine.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test-project")
    yield machine
    machine.faults.clear()


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    """A real mosquitto of this test's own."""
    port = free_port()
    with _running(mosquitto(port, tmp_path)):
        yield port


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    """A real Redis or Valkey of this test's own."""
    port = free_port()
    with _running(valkey(port, tmp_path)):
        yield port


@pytest.fixture
def running() -> Callable[[Program], AbstractContextManager[Child]]:
    """Runs a program beside the test."""
    return _running


@contextmanager
def _running(program: Program) -> Iterator[Child]:
    """A program beside the test, ended with it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    child = Child(program)
    asyncio.run_coroutine_threadsafe(child.start(), loop).result(timeout=30)
    try:
        yield child
    finally:
        asyncio.run_coroutine_threadsafe(child.stop(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds; fails with its name when it does not in time."""

    def wait(condition: Callable[[], object], seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} s: {condition}"
            time.sleep(0.02)

    return wait
