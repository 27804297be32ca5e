"""A TCP proxy that does to connections what networks do to them, on command, in front of any port of loopback.

    with Chaos(1883) as chaos:
        client.connect("127.0.0.1", chaos.port)
        chaos.blackhole()

What ends a connection on one side ends it the same way on the other: FIN stays FIN, RST stays RST. While nothing gets
through (`blackhole`, `strand`) bytes, FIN and RST are held rather than lost, for TCP would send them again: when it is
over they arrive late, in order.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from localcloud.ports import HOST, free_port

Way = Literal["up", "down"]  # up: from client to server
READ_BYTES = 65_536
POLL = 0.005  # seconds between looks at whether bytes may go on
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: close sends RST

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Conditions:
    """How bytes travel one way. `seconds` is what every piece of up to 64 KiB waits."""

    blocked: bool = False
    seconds: float = 0.0
    bytes_per_second: float | None = None

    def wait(self, size: int) -> float:
        return self.seconds + (size / self.bytes_per_second if self.bytes_per_second else 0.0)


CLEAR = _Conditions()


class Chaos:
    """The proxy, on a thread of its own while the `with` lasts. Commands are for any thread; one returns when done.

    `accepted` counts the connections taken so far, `open` are those there are now. Without `way` both ways are meant.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        self.target_port = target_port
        self.port = port or free_port()
        self.accepted = 0
        self._conditions: dict[Way, _Conditions] = {"up": CLEAR, "down": CLEAR}
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None]
        self._serving: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def open(self) -> int:
        return len(self._connections)

    def calm(self) -> None:
        """Everything passes again, what was held first. Stranded connections stay so."""
        self._set(None, CLEAR)
        self._run(self._listen)

    def refuse(self) -> None:
        """New connections are refused; those there are go on."""
        self._run(self._refuse)

    def reset(self) -> None:
        """RST to both ends of all connections there are; new ones pass."""
        self._run(self._reset)

    def blackhole(self, way: Way | None = None) -> None:
        """Connections are taken and stay open, and nothing gets through."""
        self._set(way, _Conditions(blocked=True))

    def slow(self, seconds: float = 0.0, bytes_per_second: float | None = None, way: Way | None = None) -> None:
        """Every read of up to 64 KiB arrives later by `seconds`, and no more than so many bytes in a second."""
        self._set(way, _Conditions(seconds=seconds, bytes_per_second=bytes_per_second))

    def half_close(self, way: Way) -> None:
        """FIN to the server (up) or client (down) of all connections there are; the other way they go on."""
        self._run(self._half_close, way)

    def strand(self) -> None:
        """The connections there are carry nothing any more and are never closed; new ones pass.

        What a firewall does that forgot its connections.
        """
        self._run(self._strand)

    def _set(self, way: Way | None, conditions: _Conditions) -> None:
        for one in (way,) if way else ("up", "down"):
            self._conditions[one] = conditions

    def _run(self, action: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        return asyncio.run_coroutine_threadsafe(action(*arguments), self._loop).result(timeout=30)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            self._listener.setblocking(False)
            self._accepting = asyncio.create_task(self._accept(self._listener))

    async def _accept(self, listener: socket.socket) -> None:
        """By hand: asyncio's own server, closed while it takes a connection, leaves that one open for ever."""
        while True:
            client, _ = await self._loop.sock_accept(listener)
            self.accepted += 1
            task = asyncio.create_task(self._serve(client))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _refuse(self) -> None:
        if self._listener is not None:
            await _ended([self._accepting])
            self._listener.close()
            self._listener = None

    async def _close(self) -> None:
        await self._refuse()
        await _ended(self._serving)

    async def _reset(self) -> None:
        for connection in self._connections:
            connection.reset()

    async def _half_close(self, way: Way) -> None:
        for connection in self._connections:
            connection.finish(way)

    async def _strand(self) -> None:
        for connection in self._connections:
            connection.stranded = True

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self.target_port)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(writer, server_writer)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(connection, "up", reader, server_writer))
                both.create_task(self._carry(connection, "down", server_reader, writer))
        except* OSError:  # one side was reset, or is gone
            connection.reset()
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _carry(
        self, connection: "_Connection", way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await self._read(connection, way, reader):
            await asyncio.sleep(self._conditions[way].wait(len(data)))
            if way not in connection.finished:
                writer.write(data)
                await writer.drain()
        connection.finish(way)

    async def _read(self, connection: "_Connection", way: Way, reader: asyncio.StreamReader) -> bytes:
        """What came, or the end, once it may get through."""
        try:
            data = await reader.read(READ_BYTES)
        except OSError:
            await self._passage(connection, way)
            raise
        await self._passage(connection, way)
        return data

    async def _passage(self, connection: "_Connection", way: Way) -> None:
        while connection.stranded or (self._conditions[way].blocked and not connection.over):
            await asyncio.sleep(POLL)


class _Connection:
    """Both halves of one connection: to the client and to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._client = client
        self._server = server
        self.stranded = self.over = False
        self.finished: set[Way] = set()

    def reset(self) -> None:
        self.stranded, self.over = False, True
        for writer in (self._client, self._server):
            _reset(writer)

    def finish(self, way: Way) -> None:
        """FIN; what still comes that way is dropped."""
        if way not in self.finished:
            self.finished.add(way)
            with contextlib.suppress(OSError):  # it may have left meanwhile
                (self._server if way == "up" else self._client).write_eof()

    def close(self) -> None:
        for writer in (self._client, self._server):
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST instead of FIN."""
    end = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # closed already
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
