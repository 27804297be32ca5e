"""`make demo`: the whole platform on this machine, fed by a simulated fleet, until every message is accounted for.

Exit status: 0 nothing lost, 1 something lost or a program failed, 2 bad usage or set-up, 130 stopped by Ctrl-C.
"""

import argparse
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

from director.client import DirectorClient, DirectorError
from examples.demo.addresses import Addresses
from examples.demo.change import DeviceChange
from examples.demo.drain import Drain, Sinks
from examples.demo.fleet import add_plan_arguments, plan_of
from examples.demo.ledger import LedgerReader
from examples.demo.programs import DATAFLOW, Programs
from examples.demo.progress import Progress, Snapshot
from examples.demo.readers import Archive, DeadLetterDesk, Warehouse
from examples.demo.replay import replay
from examples.demo.report import Result, show, show_where_to_look
from examples.demo.schedule import Plan
from examples.demo.supervisor import Supervisor
from examples.demo.view import View
from localcloud.broker import find_mosquitto
from localcloud.cache import find_server
from localcloud.children import ChildDied

FOLDER = Path(".demo")
NOTHING_LOST, FAILED, BAD_USAGE, STOPPED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 120)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    run = f"{time.time_ns():x}"
    folder = FOLDER.absolute() / run
    try:
        plan = plan_of(arguments)
        find_mosquitto()
        find_server()
        _make(folder)
    except (OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return BAD_USAGE
    signal.signal(signal.SIGTERM, _like_ctrl_c)
    try:
        status = Demo(console, folder, run, plan, arguments).run()
    except KeyboardInterrupt:
        console.print("stopped")
        status = STOPPED
    except (ChildDied, TimeoutError, DirectorError) as error:
        console.print(f"[bold red]failed:[/] {error}", soft_wrap=True)
        status = FAILED
    if status == FAILED or arguments.keep:
        console.print(f"logs and data: {folder}", soft_wrap=True)
    else:
        _remove(folder)
    return status


class Demo:
    """One run, its files in `folder`."""

    def __init__(self, console: Console, folder: Path, run: str, plan: Plan, arguments: argparse.Namespace) -> None:
        self._console = console
        self._folder = folder
        self._run = run
        self._plan = plan
        self._arguments = arguments
        self._addresses = Addresses.free()
        os.environ.update(self._addresses.variables())  # for Google's clients in this process

    def run(self) -> int:
        with Supervisor() as supervisor:
            self._start_platform(supervisor)
            result = self._journey(supervisor)
            if self._arguments.json:
                self._arguments.json.write_text(result.as_json() + "\n")
            if self._arguments.keep:
                self._wait_for_ctrl_c()
        unseen = self._arguments.change_device and result.change_seconds is None
        if unseen:
            self._say("[bold red]failed:[/] the changed device record was not seen downstream")
        return FAILED if result.lost or unseen else NOTHING_LOST

    def _start_platform(self, supervisor: Supervisor) -> None:
        programs = Programs(self._folder, self._addresses)
        self._say("starting localcloud, the broker and the cache")
        supervisor.start(programs.localcloud())
        self._say("starting the director; it provisions topics, subscriptions, table, bucket and device register")
        supervisor.start(programs.director())
        DirectorClient(self._addresses.url("director")).apply(DATAFLOW)
        self._say("starting the bridge and the jobs enrichment, warehouse, archive")
        supervisor.start(programs.bridge(), *programs.jobs())
        self._say("starting the fleet")
        supervisor.start(programs.fleet(self._ledger, "--run", self._run, *_fleet_arguments(self._arguments)))
        running = ", ".join(f"{name} {pid}" for name, pid in supervisor.pids().items())
        self._say(f"running: {running}; kill -9 any of them, and nothing is lost\n")

    def _journey(self, supervisor: Supervisor) -> Result:
        """From the first message to the last, and what became of them."""
        progress = Progress(self._addresses, LedgerReader(self._ledger))
        sinks = Sinks(Warehouse(), Archive(), DeadLetterDesk())
        drain = Drain(progress, sinks, self._plan.messages, self._arguments.patience)
        change = DeviceChange(self._run) if self._arguments.change_device else None
        with View(self._console, self._plan.messages) as view:

            def glance(snapshot: Snapshot) -> None:
                view.show(snapshot, time.time() - progress.start, supervisor.restarts())
                if change and not change.started and snapshot.enriched >= self._plan.messages / 3:
                    change.start()

            drained = drain.wait(glance)
        seconds = time.time() - progress.start
        self._say("\nreplaying what was archived")
        replayed = replay(sinks.archive, self._run, self._folder)
        result = Result(
            drained.reconciliation,
            drained.counted,
            drained.dead_letters,
            progress.sent_again,
            seconds,
            supervisor.restarts(),
            progress.lookups(),
            replayed,
            change.seconds() if change and change.started else None,
        )
        show(self._console, result)
        show_where_to_look(self._console, sinks.warehouse, sinks.archive)
        sinks.desk.close()
        return result

    def _wait_for_ctrl_c(self) -> None:
        self._console.print("\nEverything keeps running until Ctrl-C. From another shell:\n")
        for name, value in self._addresses.variables().items():
            print(f"export {name}={value}")
        print(f"export MQTT_BROKER_URL={self._addresses.broker_url}")
        print(f"export REDIS_URL={self._addresses.redis_url}\n")
        for name in ("director", "bridge", "enrichment", "warehouse", "archive"):
            print(f"{name:10} {self._addresses.url(name)}")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self._say("\nstopping")

    @property
    def _ledger(self) -> Path:
        return self._folder / "fleet.ledger"

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _fleet_arguments(arguments: argparse.Namespace) -> list[str]:
    """The options of the plan, as they were given to us."""
    return [
        *("--messages", str(arguments.messages), "--rate", str(arguments.rate), "--seed", str(arguments.seed)),
        *("--devices", str(arguments.devices), "--burst", arguments.burst),
        *("--late-share", str(arguments.late_share), "--malformed-share", str(arguments.malformed_share)),
        *("--connections", str(arguments.connections)),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    add_plan_arguments(parser)
    parser.add_argument("--connections", type=int, default=4, metavar="N", help="to the broker [%(default)s]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there too")
    parser.add_argument(
        "--change-device", action="store_true", help="change a device record on the way, and say when that is seen"
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C, and keep its files")
    parser.add_argument(
        *("--patience",),
        type=float,
        default=120.0,
        metavar="S",
        help="fail when nothing moves for so long [%(default)s]",
    )
    return parser


def _like_ctrl_c(*_: Any) -> None:
    raise KeyboardInterrupt


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise OSError(f"cannot write to {folder.parent} ({error.strerror}): start it in a folder of yours") from error


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)
    if not any(FOLDER.iterdir()):
        FOLDER.rmdir()


if __name__ == "__main__":
    sys.exit(main())
