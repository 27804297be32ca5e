"""`python -m localcloud`: Google's services, and on request a broker and a cache, on this machine."""

import argparse
import asyncio
import fcntl
import logging
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from localcloud.broker import mosquitto
from localcloud.cache import valkey
from localcloud.children import Child, ChildDied, Program
from localcloud.cloud import LocalCloud, Options
from localcloud.ports import HOST, chosen_port


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        with _own(arguments.data), tempfile.TemporaryDirectory(prefix="localcloud-") as scratch:
            asyncio.run(_serve(arguments, Path(scratch)))
    except (OSError, ChildDied) as error:
        print(f"localcloud: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(arguments: argparse.Namespace, scratch: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        grpc_port = chosen_port(arguments.grpc_port, "--grpc-port")
        http_port = chosen_port(arguments.http_port, "--http-port")
        cloud = LocalCloud(Options(grpc_port, http_port, arguments.data))
        await cloud.start()
        stack.push_async_callback(cloud.stop)
        addresses = {"grpc": cloud.grpc_address, "http": cloud.http_address}
        variables = cloud.variables()
        if arguments.broker:
            port = chosen_port(arguments.mqtt_port, "--mqtt-port")
            await _start(mosquitto(port, scratch), stack)
            addresses["mqtt"] = f"{HOST}:{port}"
            variables["MQTT_BROKER_URL"] = f"mqtt://{HOST}:{port}"
        if arguments.cache:
            port = chosen_port(arguments.redis_port, "--redis-port")
            await _start(valkey(port, scratch), stack)
            addresses["redis"] = f"{HOST}:{port}"
            variables["REDIS_URL"] = f"redis://{HOST}:{port}"
        addresses["data"] = str(arguments.data or "in memory")
        _announce(addresses, variables if arguments.env else {})
        await stop.wait()


async def _start(program: Program, stack: AsyncExitStack) -> None:
    child = Child(program)
    await child.start()
    stack.push_async_callback(child.stop)


def _announce(addresses: dict[str, str], variables: dict[str, str]) -> None:
    """One line for people and for programs that wait for it; with variables a comment above lines a shell can read."""
    ready = "localcloud is ready: " + ", ".join(f"{name} {address}" for name, address in addresses.items())
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    print("\n".join([f"# {ready}", *exports] if exports else [ready]), flush=True)


@contextmanager
def _own(data: Path | None) -> Iterator[None]:
    """Holds the data folder against a second localcloud. Raises OSError when it cannot be used."""
    if data is None:
        yield
        return
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(f"{data} is in use by another localcloud: choose another folder with --data") from error
    except OSError as error:
        raise OSError(f"cannot write to {data} ({error.strerror}): choose another folder with --data") from error
    try:
        yield
    finally:
        os.close(file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("--grpc-port", type=_port, default=0, metavar="N", help="Pub/Sub, Firestore, Storage Write")
    parser.add_argument("--http-port", type=_port, default=0, metavar="N", help="Storage, BigQuery, faults and clock")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep state here, over kill -9 too (default: memory)")
    parser.add_argument("--broker", action="store_true", help="run mosquitto, an MQTT broker")
    parser.add_argument("--mqtt-port", type=_port, default=0, metavar="N")
    parser.add_argument("--cache", action="store_true", help="run a Redis or Valkey server")
    parser.add_argument("--redis-port", type=_port, default=0, metavar="N")
    parser.add_argument("--env", action="store_true", help="print the variables that point clients here")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port: 0 (any free one) to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
