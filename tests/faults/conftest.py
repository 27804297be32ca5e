"""A whole bridge for every test, and on request a network that misbehaves between it and its broker."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.broker import mosquitto
from localcloud.chaos import Chaos
from localcloud.children import Child
from localcloud.cloud import LocalCloud
from localcloud.ports import free_port
from tests.faults.rig import Rig


@pytest.fixture
def broker_settings() -> dict[str, Any]:
    """What a test's broker has otherwise than the shipped configuration, as values or made from the test's folder.

    Tests put theirs here by parametrize.
    """
    return {}


@pytest.fixture
def broker_port() -> int:
    return free_port()


@pytest.fixture
def broker(broker_port: int, broker_settings: dict[str, Any], tmp_path: Path, running: Any) -> Iterator[Child]:
    """A real mosquitto of this test's own."""
    program = mosquitto(broker_port, tmp_path)
    configuration = tmp_path / "mosquitto.conf"
    text = configuration.read_text()
    for name, value in broker_settings.items():
        value = value(tmp_path) if callable(value) else value
        text = re.sub(rf"(?m)^{name} .*$", "", text) + f"\n{name} {value}\n"
    configuration.write_text(text)
    with running(program) as child:
        yield child


@pytest.fixture
def rig(
    cloud: LocalCloud, broker: Child, broker_port: int, tmp_path: Path, eventually: Callable[..., None]
) -> Iterator[Rig]:
    made = Rig(cloud, broker_port, tmp_path, eventually)
    yield made
    made.close()


@pytest.fixture
def chaos(rig: Rig) -> Iterator[Chaos]:
    """A proxy between the bridge, not yet configured, and the broker."""
    with Chaos(rig.broker_port) as proxy:
        rig.way_in = proxy.port
        yield proxy
