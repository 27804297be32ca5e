"""Each kind of chaos is what a client of a real network would see of it."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from localcloud.chaos import Chaos
from localcloud.ports import HOST, free_port


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what comes, and `bye` at its end; `ends` says how each connection ended."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Answer)
        self.taken = 0
        self.ends: list[str] = []


class Answer(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        self.server.taken += 1
        try:
            while data := self.request.recv(65_536):
                self.request.sendall(data)
            self.request.sendall(b"bye")
            self.server.ends.append("FIN")
        except OSError as error:
            self.server.ends.append(type(error).__name__)


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as echo:
        thread = threading.Thread(target=echo.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield echo
        echo.shutdown()
        thread.join()


@pytest.fixture
def chaos(server: Echo) -> Iterator[Chaos]:
    with Chaos(server.server_address[1]) as proxy:
        yield proxy


@pytest.fixture
def connect(chaos: Chaos) -> Iterator[Callable[[], socket.socket]]:
    """Connections through the proxy, closed with the test."""
    clients: list[socket.socket] = []

    def connection() -> socket.socket:
        clients.append(socket.create_connection((HOST, chaos.port), timeout=5))
        return clients[-1]

    yield connection
    for client in clients:
        client.close()


def echoed(client: socket.socket, data: bytes = b"hello") -> bytes:
    client.sendall(data)
    return received(client, len(data))


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := client.recv(size - len(data))):
        data += part
    return data


def silent(client: socket.socket, seconds: float = 0.3) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)
    return False


def test_without_a_command_everything_passes_and_is_counted(chaos: Chaos, connect: Callable[[], socket.socket]) -> None:
    client = connect()
    assert echoed(client, b"x" * 1_000_000) == b"x" * 1_000_000
    assert chaos.accepted == chaos.open == 1


def test_fin_stays_fin(server: Echo, connect: Callable[[], socket.socket], eventually: Callable[..., None]) -> None:
    client = connect()
    echoed(client)
    client.shutdown(socket.SHUT_WR)
    assert received(client, 100) == b"bye"
    eventually(lambda: server.ends == ["FIN"])


def test_rst_stays_rst(server: Echo, connect: Callable[[], socket.socket], eventually: Callable[..., None]) -> None:
    client = connect()
    echoed(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    client.close()
    eventually(lambda: server.ends == ["ConnectionResetError"])


def test_a_server_that_is_not_there_resets_the_client() -> None:
    def knock() -> None:
        with socket.create_connection((HOST, chaos.port), timeout=5) as client:
            client.recv(1)

    with Chaos(free_port()) as chaos, pytest.raises(ConnectionResetError):
        knock()


def test_reset_is_an_rst_at_both_ends_and_new_connections_pass(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket], eventually: Callable[..., None]
) -> None:
    client = connect()
    echoed(client)
    chaos.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    eventually(lambda: server.ends == ["ConnectionResetError"])
    eventually(lambda: chaos.open == 0)
    assert echoed(connect()) == b"hello"


def test_refuse_turns_new_connections_away_until_it_is_calm(chaos: Chaos, connect: Callable[[], socket.socket]) -> None:
    client = connect()
    echoed(client)
    chaos.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect()
    assert echoed(client) == b"hello"
    chaos.calm()
    assert echoed(connect()) == b"hello"


def test_a_blackhole_takes_connections_and_holds_what_comes_until_it_is_calm(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket]
) -> None:
    client = connect()
    chaos.blackhole()
    other = connect()
    client.sendall(b"late")
    other.sendall(b"too")
    assert silent(client)
    chaos.calm()
    assert received(client, 4) == b"late"
    assert received(other, 3) == b"too"


def test_a_blackhole_can_swallow_one_way_only(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket], eventually: Callable[..., None]
) -> None:
    client = connect()
    echoed(client)
    chaos.blackhole("down")
    client.sendall(b"asked")
    client.shutdown(socket.SHUT_WR)
    eventually(lambda: server.ends == ["FIN"])
    assert silent(client)
    chaos.calm()
    assert received(client, 8) == b"askedbye"


def test_the_server_hears_of_an_end_within_a_blackhole_only_after_it(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket], eventually: Callable[..., None]
) -> None:
    client = connect()
    echoed(client)
    chaos.blackhole()
    client.close()
    time.sleep(0.2)
    assert server.ends == []
    chaos.calm()
    eventually(lambda: server.ends == ["FIN"])


def test_a_reset_ends_connections_within_a_blackhole_too(
    chaos: Chaos, connect: Callable[[], socket.socket], eventually: Callable[..., None]
) -> None:
    client = connect()
    echoed(client)
    chaos.blackhole()
    chaos.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    eventually(lambda: chaos.open == 0)


def test_slow_adds_a_delay_each_way(chaos: Chaos, connect: Callable[[], socket.socket]) -> None:
    client = connect()
    echoed(client)
    chaos.slow(0.2)
    began = time.monotonic()
    assert echoed(client) == b"hello"
    assert time.monotonic() - began >= 0.4


def test_slow_limits_bytes_per_second(chaos: Chaos, connect: Callable[[], socket.socket]) -> None:
    client = connect()
    chaos.slow(bytes_per_second=1_000_000, way="up")
    began = time.monotonic()
    assert len(echoed(client, bytes(300_000))) == 300_000
    assert time.monotonic() - began >= 0.3


def test_half_close_ends_one_way_and_the_other_goes_on(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket], eventually: Callable[..., None]
) -> None:
    client = connect()
    echoed(client)
    chaos.half_close("up")
    assert received(client, 3) == b"bye"
    eventually(lambda: server.ends == ["FIN"])


def test_half_close_down_ends_what_the_client_hears(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket]
) -> None:
    client = connect()
    echoed(client)
    chaos.half_close("down")
    assert client.recv(1) == b""
    assert server.ends == []


def test_stranded_connections_carry_nothing_and_stay_open_while_new_ones_pass(
    server: Echo, chaos: Chaos, connect: Callable[[], socket.socket]
) -> None:
    client = connect()
    echoed(client)
    chaos.strand()
    client.sendall(b"lost")
    assert silent(client)
    assert echoed(connect()) == b"hello"
    chaos.calm()
    assert silent(client)
    assert server.ends == []
    assert chaos.open == 2


def test_leaving_ends_all_connections(server: Echo, eventually: Callable[..., None]) -> None:
    with Chaos(server.server_address[1]) as chaos:
        client = socket.create_connection((HOST, chaos.port), timeout=5)
        echoed(client)
        chaos.strand()
    with client:
        assert client.recv(1) == b""
    eventually(lambda: server.ends != [])
