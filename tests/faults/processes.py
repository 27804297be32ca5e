"""A bridge in a process of its own, as a supervisor and an operator see it: exit codes, pages, counters, log."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from localcloud.ports import free_port


class BridgeProcess:
    """`python -m bridge run` with the configuration at `config`, started as often as one likes."""

    def __init__(self, config: Path, log: Path) -> None:
        self.config = config
        self.log = log
        self.health_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *more: str,
        program: Sequence[str] = ("-m", "bridge"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        options = ["--config", str(self.config), "--health_port", str(self.health_port), *more]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "run", *options],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self.process
        return self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit code. Raises subprocess.TimeoutExpired after 12 seconds."""
        self.signal(signal.SIGTERM)
        assert self.process
        return self.process.wait(timeout=12)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()

    def page(self, name: str) -> tuple[int, str]:
        """Status and text; 0 where nobody answers."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.health_port}/{name}", timeout=5)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    @property
    def ready(self) -> bool:
        return self.page("readyz")[0] == 200

    def metric(self, name: str) -> float:
        """The sum over all labels; 0 where there is none."""
        lines = [line.rsplit(" ", 1) for line in self.page("metrics")[1].splitlines() if not line.startswith("#")]
        return sum(float(value) for key, value in lines if key.partition("{")[0] == name)

    def said(self) -> str:
        return self.log.read_text()

    @property
    def resident_bytes(self) -> int:
        return int(self._status("VmRSS").removesuffix("kB")) * 1024

    @property
    def threads(self) -> int:
        return int(self._status("Threads"))

    def _status(self, name: str) -> str:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))
