"""The MQTT broker: Debian's mosquitto with the configuration shipped beside this file."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from localcloud.children import Program
from localcloud.ports import HOST

SHIPPED = Path(__file__).with_name("mosquitto.conf")
SHIPPED_LISTENER = "listener 1883 127.0.0.1"
# Debian installs it where an ordinary user's PATH does not look; Homebrew and local builds use the others.
MORE_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin")


def mosquitto(port: int, folder: Path, more: Sequence[str] = ()) -> Program:
    """The broker on `port` of loopback, its configuration written to `folder`; `more` are further lines of it.

    Raises FileNotFoundError when mosquitto is not installed.
    """
    configuration = folder / "mosquitto.conf"
    command = [find_mosquitto(), "-c", str(configuration)]
    shipped = SHIPPED.read_text().replace(SHIPPED_LISTENER, f"listener {port} {HOST}")
    configuration.write_text("\n".join([shipped, *more, ""]))

    async def listening() -> bool:
        return await accepts_connections(port)

    return Program("mosquitto", command, listening)


def find_mosquitto() -> str:
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *MORE_FOLDERS]))
    if found is None:
        raise FileNotFoundError("mosquitto, the MQTT broker, is not installed: run `sudo apt-get install mosquitto`")
    return found


async def accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
