"""Messages come over TLS and over WebSockets as they do over TCP, and from nobody whose certificate is not good."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import paho.mqtt.client as paho
import pytest
import trustme

from localcloud.chaos import Chaos
from localcloud.ports import free_port

SIZES = (0, 1, 100, 20_000, 300_000)


def send(client: paho.Client, payloads: list[bytes]) -> None:
    for payload in payloads:
        client.publish("up/d", payload, qos=1)


class TestTls:
    @pytest.fixture
    def port(self, broker_with: Any, certified: Any) -> int:
        return int(broker_with(*certified()))

    def test_messages_come_large_and_small(
        self, port: int, ca_file: str, session: Any, kept: Any, device: Any, eventually: Any
    ) -> None:
        source = session(f"mqtts://127.0.0.1:{port}", tls={"ca_file": ca_file, "alpn": ["mqtt"]})
        eventually(lambda: source.problem is None)
        payloads = [b"x" * size for size in SIZES] * 4
        send(device(port, options=lambda client: client.tls_set(ca_certs=ca_file)), payloads)
        eventually(lambda: len(kept.deliveries) == len(payloads))
        assert kept.payloads == payloads
        assert kept.connections == [(1, False)]

    def test_a_broker_whose_certificate_nobody_vouches_for_is_not_connected_to(
        self, port: int, session: Any, kept: Any, eventually: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = session(f"mqtts://127.0.0.1:{port}")
        eventually(lambda: source.failures >= 2)
        assert kept.connections == []
        assert source.alive
        assert "not connected" in (source.problem or "")
        assert "CERTIFICATE_VERIFY_FAILED" in caplog.text

    def test_a_certificate_of_another_host_is_not_connected_to(
        self, broker_with: Any, certified: Any, ca_file: str, session: Any, eventually: Any, caplog: Any
    ) -> None:
        port = broker_with(*certified("other", "broker.example.com"))
        source = session(f"mqtts://127.0.0.1:{port}", tls={"ca_file": ca_file})
        eventually(lambda: source.failures >= 2)
        assert "IP address mismatch" in caplog.text

    def test_a_client_certificate_is_shown_and_a_rotated_one_found(
        self, broker_with: Any, certified: Any, ca_file: str, tmp_path: Path, session: Any, eventually: Any, caplog: Any
    ) -> None:
        port = broker_with(*certified(), "require_certificate true", f"cafile {ca_file}")
        stranger = trustme.CA().issue_cert("bridge")
        stranger.cert_chain_pems[0].write_to_path(tmp_path / "bridge.pem")
        stranger.private_key_pem.write_to_path(tmp_path / "bridge.key")
        files = {"certificate_file": f"{tmp_path}/bridge.pem", "key_file": f"{tmp_path}/bridge.key"}
        source = session(f"mqtts://127.0.0.1:{port}", tls={"ca_file": ca_file, **files})
        eventually(lambda: "connection lost" in caplog.text)
        assert source.connections == 0
        certified("bridge", "bridge")
        eventually(lambda: source.problem is None)

    def test_files_that_go_bad_hold_up_only_new_connections(
        self, port: int, ca_file: str, session: Any, eventually: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        authority = Path(ca_file).read_bytes()
        with Chaos(port) as network:
            source = session(f"mqtts://127.0.0.1:{network.port}", tls={"ca_file": ca_file})
            eventually(lambda: source.problem is None)
            Path(ca_file).unlink()
            network.reset()
            eventually(lambda: source.failures)
            assert source.connections == 1
            assert f"ca_file {ca_file} cannot be read" in caplog.text
            Path(ca_file).write_bytes(authority)
            eventually(lambda: source.problem is None)
            source.stop()


class TestWebSocket:
    """mosquitto as Debian builds it speaks no WebSocket, so a relay before it does."""

    @pytest.fixture
    def relay(self, broker_port: int, running_relay: Any) -> Callable[..., str]:
        return lambda **options: running_relay(broker_port, **options)

    @pytest.mark.parametrize("piece", [1_000_000, 3])
    def test_messages_come_large_and_small_however_frames_are_cut(
        self, piece: int, relay: Any, broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
    ) -> None:
        source = session(f"ws://{relay(piece=piece)}/mqtt")
        eventually(lambda: source.problem is None)
        payloads = [b"x" * size for size in (SIZES if piece > 3 else (0, 1, 100, 5_000))] * 4
        send(device(broker_port), payloads)
        eventually(lambda: len(kept.deliveries) == len(payloads))
        assert kept.payloads == payloads
        assert source.acknowledge(1, kept.packet_ids)

    def test_messages_come_over_tls(
        self,
        relay: Any,
        broker_port: int,
        authority: Any,
        ca_file: str,
        session: Any,
        kept: Any,
        device: Any,
        eventually: Any,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        source = session(f"wss://{relay(context=context)}/mqtt", tls={"ca_file": ca_file})
        eventually(lambda: source.problem is None)
        payloads = [b"x" * size for size in SIZES] * 4
        send(device(broker_port), payloads)
        eventually(lambda: len(kept.deliveries) == len(payloads))
        assert kept.payloads == payloads

    def test_a_path_that_is_not_there_says_so(self, relay: Any, session: Any, eventually: Any, caplog: Any) -> None:
        source = session(f"ws://{relay()}/elsewhere")
        eventually(lambda: source.failures)
        assert "HTTP status 404; check the path of broker.url" in caplog.text

    def test_a_closed_connection_is_made_again(self, relay: Any, session: Any, kept: Any, eventually: Any) -> None:
        source = session(f"ws://{relay(hang_up_after=0.2)}/mqtt", signs_of_takeover=1_000)
        eventually(lambda: source.connections >= 2)
        assert kept.connections[1] == (2, True)


@pytest.fixture
def running_relay() -> Iterator[Callable[..., str]]:
    """WebSocket on one side, TCP to a port on the other; gives the relay's address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runners: list[aiohttp.web.AppRunner] = []

    async def serve(target: int, piece: int, context: Any, hang_up_after: float | None) -> str:
        async def relay(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
            near = aiohttp.web.WebSocketResponse(protocols=("mqtt",), heartbeat=0.3)
            await near.prepare(request)
            reader, writer = await asyncio.open_connection("127.0.0.1", target)

            async def down() -> None:
                while data := await reader.read(65_536):
                    for start in range(0, len(data), piece):
                        await near.send_bytes(data[start : start + piece])
                await near.close()

            carrying = asyncio.create_task(down())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(hang_up_after):
                    async for message in near:
                        writer.write(message.data)
            carrying.cancel()
            writer.close()
            await near.close()
            return near

        application = aiohttp.web.Application()
        application.router.add_get("/mqtt", relay)
        runner = aiohttp.web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        port = free_port()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        runners.append(runner)
        return f"127.0.0.1:{port}"

    def start(target: int, piece: int = 1_000_000, context: Any = None, hang_up_after: float | None = None) -> str:
        made = serve(target, piece, context, hang_up_after)
        return asyncio.run_coroutine_threadsafe(made, loop).result(timeout=10)

    yield start
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
