"""The programs of the demo, each as a person would start it from a shell, and how to see that each is ready."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.demo.addresses import Addresses
from localcloud.children import Program
from localcloud.ports import HOST

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "examples" / "environment" / "architecture.yaml"
DATAFLOW = "environment"
JOBS = ("enrichment", "warehouse", "archive")


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands of one demo whose files are in `folder`."""

    folder: Path
    addresses: Addresses

    def localcloud(self) -> Program:
        at = self.addresses
        return self._program(
            "localcloud",
            "localcloud",
            *("--grpc-port", str(at.grpc), "--http-port", str(at.http), "--data", str(self.folder / "cloud")),
            *("--broker", "--mqtt-port", str(at.mqtt), "--cache", "--redis-port", str(at.redis)),
            ready=_says(self._output("localcloud"), b"localcloud is ready"),
        )

    def director(self) -> Program:
        return self._program(
            "director",
            "director",
            *("serve", "--architecture", str(ARCHITECTURE), "--port", str(self.addresses.director), "--grants"),
            ready=_answers(self.addresses.director),
        )

    def bridge(self) -> Program:
        return self._service("bridge", ["bridge", "run"], "--broker_url", self.addresses.broker_url)

    def jobs(self) -> list[Program]:
        cached = ("--redis_url", self.addresses.redis_url)
        return [self._service(job, [f"beam_jobs.{job}"], *(cached if job == "enrichment" else ())) for job in JOBS]

    def fleet(self, ledger: Path, *arguments: str) -> Program:
        return self._program(
            "fleet",
            "examples.demo.fleet",
            *("--broker-url", self.addresses.broker_url, "--ledger", str(ledger), "--stay", *arguments),
        )

    def _service(self, name: str, command: Sequence[str], *arguments: str) -> Program:
        """A service of the dataflow: its configuration from the director, its health on its own port."""
        health = getattr(self.addresses, name)
        return self._program(
            name,
            *command,
            *("--director_url", self.addresses.url("director"), "--dataflow", DATAFLOW, "--service", name),
            *arguments,
            *("--health_port", str(health)),
            ready=_answers(health),
        )

    def _program(
        self, name: str, module: str, *arguments: str, ready: Callable[[], Awaitable[bool]] | None = None
    ) -> Program:
        command = [sys.executable, "-m", module, *arguments]
        return Program(name, command, ready or _at_once, self._environment(), self._output(name))

    def _output(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        return {**os.environ, **self.addresses.variables(), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


async def _at_once() -> bool:
    return True


def _says(output: Path, words: bytes) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return output.exists() and words in output.read_bytes()

    return said


def _answers(port: int) -> Callable[[], Awaitable[bool]]:
    """`GET /readyz` answers 200."""

    async def answered() -> bool:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                status = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in status

    return answered
