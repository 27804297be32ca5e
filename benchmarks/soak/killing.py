"""The bridge under test: killed as often as asked, started again at once, as a supervisor does."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import requests

from localcloud.ports import HOST, free_port

LONGEST_START = 30.0  # seconds
LOOK = 0.05  # seconds
LONGEST_WORK = 0.8  # seconds of work between connecting and a kill that is due


class KilledBridge:
    """`module`, run with `configuration` while the `with` lasts. `own_exits` are the codes it ended with unasked."""

    def __init__(self, module: str, configuration: Path, log: Path) -> None:
        self._health_port = free_port()
        options = ["run", "--config", str(configuration), "--health_port", str(self._health_port)]
        self._command = [sys.executable, "-m", module, *options]
        self._log = log
        self._process: subprocess.Popen[bytes]
        self.kills = 0
        self.own_exits: list[int] = []

    def __enter__(self) -> Self:
        """Returns when it has subscribed: what is sent from then on is the broker's to keep for it."""
        self._start()
        until = time.monotonic() + LONGEST_START
        while not self.at_rest:
            if time.monotonic() > until:
                self.__exit__()
                raise TimeoutError(f"the bridge was not ready after {LONGEST_START:.0f} s: {self._log.read_text()}")
            time.sleep(LOOK)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def kill_while(self, sending: Callable[[], bool], times: int, seconds: float, dice: random.Random) -> None:
        """kill -9 `times` times, evenly over `seconds`, each time after it was ready and worked for a while."""
        began = time.monotonic()
        while sending():
            self._revive()
            due = self.kills < times and time.monotonic() - began > (self.kills + 0.5) * seconds / (times + 1)
            if due and self.ready:
                time.sleep(dice.uniform(0, LONGEST_WORK))
                self._kill()
            time.sleep(LOOK)

    @property
    def ready(self) -> bool:
        try:
            return self._page("readyz").status_code == 200
        except requests.ConnectionError:
            return False

    @property
    def at_rest(self) -> bool:
        """Ready, with nothing in flight: the broker has nothing for it either, or would have sent it."""
        self._revive()
        return self.ready and "\nbridge_in_flight 0.0\n" in self._page("metrics").text

    def _page(self, name: str) -> requests.Response:
        return requests.get(f"http://{HOST}:{self._health_port}/{name}", timeout=5)

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ)

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self.kills += 1
            self._start()

    def _revive(self) -> None:
        code = self._process.poll()
        if code is not None:
            self.own_exits.append(code)
            self._start()
