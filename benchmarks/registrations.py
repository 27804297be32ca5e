"""`python -m benchmarks registrations`: 200 services start at once, each with its start-up handshake.

They ask the director, which looks at localcloud for what each needs; and a route of bare Flask behind the same
gunicorn, which does nothing. Both, and localcloud, are processes of their own. Every burst comes when nothing that was
seen before it counts any more.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from flask import Flask

from benchmarks.cloud import localcloud
from benchmarks.race import Bar, Metrics, Rows, race
from director.readiness import FRESH

SERVICES = 200
BURSTS = 10
BARE, OURS = "bare Flask", "director"
FLOW = "fleet"


def main(argv: Sequence[str]) -> int:
    with localcloud(), tempfile.TemporaryDirectory() as folder, _bare() as bare, _director(Path(folder)) as ours:
        contenders = {BARE: partial(_bursts, bare), OURS: partial(_bursts, ours)}
        return race("registrations", contenders, _bars, argv)


def _bars(rows: Rows) -> list[Bar]:
    return [Bar("of a bare Flask route", rows[OURS]["registrations/s"] / rows[BARE]["registrations/s"], 0.5)]


def _bursts(url: str) -> Metrics:
    seconds = asyncio.run(_timed(url))
    return {"registrations/s": SERVICES * BURSTS / sum(seconds), "slowest burst s": max(seconds)}


async def _timed(url: str) -> list[float]:
    seconds = []
    connector = aiohttp.TCPConnector(limit=SERVICES)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(BURSTS):
            await asyncio.sleep(FRESH * 1.1)
            begun = time.perf_counter()
            await asyncio.gather(*(_registered(session, url, number) for number in range(SERVICES)))
            seconds.append(time.perf_counter() - begun)
    return seconds


async def _registered(session: aiohttp.ClientSession, url: str, number: int) -> None:
    async with session.post(f"{url}/v1/dataflows/{FLOW}/services/s{number}:verify") as answer:
        if answer.status != 200 or (await answer.json())["service"] != f"s{number}":
            raise RuntimeError(f"s{number} was answered with {answer.status}: {await answer.text()}")


@contextmanager
def _director(folder: Path) -> Iterator[str]:
    file = folder / "architecture.yaml"
    file.write_text(json.dumps(_document()))  # which is YAML as well
    options = ["--architecture", str(file), "--journal", str(folder / "journal"), "--apply", "--port", "0"]
    with _serving("-m", "director", "serve", *options) as url:
        yield url


@contextmanager
def _bare() -> Iterator[str]:
    with _serving("-c", "from benchmarks.registrations import serve_bare; serve_bare()") as url:
        yield url


def serve_bare() -> None:
    from director.rest import server

    with server.listening_socket("127.0.0.1", 0) as bound:
        server.serve(bound, _bare_app, lambda app: None)


def _bare_app(stopping: Callable[[], bool]) -> Flask:
    app = Flask(__name__, static_folder=None)

    def verified(service: str) -> dict[str, Any]:
        return {"project": "p", "dataflow": FLOW, "service": service, "config": {}}

    app.add_url_rule(f"/v1/dataflows/{FLOW}/services/<service>:verify", "verify", verified, methods=["POST"])
    return app


@contextmanager
def _serving(*arguments: str) -> Iterator[str]:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if line.startswith("director ready on "):
            return line.split()[-1]
    raise RuntimeError("the server ended before it was ready")


def _document() -> dict[str, Any]:
    """A topic for all, and a subscription of its own for each service."""
    subscriptions = [
        {
            "name": f"readings-{number}",
            "topic": "readings",
            "consumer_service": {"name": f"s{number}", "lookup": {"key": "subscription"}},
        }
        for number in range(SERVICES)
    ]
    services = {f"s{number}": {"service_account": "reader-sa"} for number in range(SERVICES)}
    return {
        "name": "benchmark",
        "project_id": f"benchmark-{os.getpid()}",
        "region": "europe-west1",
        "location": "EU",
        "dataflows": {
            FLOW: {
                "services": services,
                "resources": {"topics": [{"name": "readings"}], "subscriptions": subscriptions},
            }
        },
    }
