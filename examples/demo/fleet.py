"""`python -m examples.demo.fleet`: many devices that send recorded telemetry when it is due, however slow the system.

A message late in the schedule is sent at once, so slowness shows as latency, never as fewer messages.
"""

import argparse
import logging
import re
import select
import signal
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from examples.demo.connection import Connection, Message
from examples.demo.ledger import Delivered, Ledger, Run
from examples.demo.schedule import Plan, Planned, schedule
from examples.demo.telemetry import payload, recordings

log = logging.getLogger("fleet")

TICK = 0.005  # seconds; messages due within one are sent together
START_DELAY = 0.2


class Fleet:
    """Sends what its ledger does not have yet."""

    def __init__(self, ledger: Ledger, host: str, port: int, connections: int) -> None:
        self._ledger = ledger
        self._run = ledger.run
        self._recorded = recordings()
        self._to_send = (planned for planned in schedule(self._run.plan) if planned.serial not in ledger.delivered)
        self._next = next(self._to_send, None)
        self._connections = [
            Connection(f"fleet-{self._run.name}-{number}", host, port, self._delivered) for number in range(connections)
        ]
        self._stopping = False

    def run(self, stay: bool) -> None:
        """Until all is delivered; with `stay` until `stop`, ready to send again what a dying broker loses."""
        while not self._stopping and (stay or not self._all_delivered()):
            self._send_what_is_due()
            self._move()
            self._ledger.flush()
        for connection in self._connections:
            connection.close()
        refused = sum(connection.refused for connection in self._connections)
        again = sum(connection.sent_again for connection in self._connections)
        log.info("%d delivered, %d refused for now, %d sent again", len(self._ledger.delivered), refused, again)

    def stop(self) -> None:
        self._stopping = True

    def _send_what_is_due(self) -> None:
        due_by_now = time.time() - self._run.start
        while self._next is not None and self._next.offset <= due_by_now:
            self._connection_of(self._next.device).send(self._message(self._next))
            self._next = next(self._to_send, None)

    def _move(self) -> None:
        connected = [connection for connection in self._connections if connection.socket is not None]
        writing = [connection.socket for connection in connected if connection.wants_to_write]
        time.sleep(TICK)
        readable, writable, _ = select.select([connection.socket for connection in connected], writing, [], 0)
        for connection in self._connections:
            connection.work(connection.socket in readable, connection.socket in writable)

    def _all_delivered(self) -> bool:
        return self._next is None and not any(connection.unfinished for connection in self._connections)

    def _connection_of(self, device: str) -> Connection:
        return self._connections[zlib.crc32(device.encode()) % len(self._connections)]

    def _message(self, planned: Planned) -> Message:
        due = self._run.start + planned.offset
        return Message(
            planned.serial,
            f"{self._run.name}-{planned.serial}",
            planned.kind,
            due,
            f"devices/{planned.device}/environment",
            payload(planned, due, self._recorded),
        )

    def _delivered(self, message: Message) -> None:
        self._ledger.write(Delivered(message.serial, message.id, message.kind, message.due, time.time()))


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a plan; `plan_of` makes one of them."""
    plan = Plan()
    parser.add_argument("--messages", type=int, default=plan.messages, metavar="N", help="in all [%(default)s]")
    parser.add_argument("--rate", type=float, default=plan.rate, metavar="R", help="messages a second [%(default)s]")
    parser.add_argument("--seed", type=int, default=plan.seed, metavar="N", help="same seed, same messages")
    parser.add_argument("--devices", type=int, default=plan.devices, metavar="N", help="known devices [%(default)s]")
    parser.add_argument("--burst", default="", metavar="N@S", help="N more messages at once every S seconds")
    parser.add_argument("--late-share", type=float, default=0.0, metavar="P", help="share that tells a time hours ago")
    parser.add_argument("--malformed-share", type=float, default=0.0, metavar="P", help="share that is no JSON")


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Raises ValueError, naming the option that cannot be."""
    burst = re.fullmatch(r"(\d+)@(\d+(?:\.\d+)?)", arguments.burst or "0@1")
    if burst is None:
        raise ValueError(f"--burst: {arguments.burst} is not of the form N@S, such as 500@10")
    return Plan(
        messages=arguments.messages,
        rate=arguments.rate,
        seed=arguments.seed,
        devices=arguments.devices,
        late_share=arguments.late_share,
        malformed_share=arguments.malformed_share,
        burst_size=int(burst[1]),
        burst_every=float(burst[2]),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo.fleet", description=__doc__)
    parser.add_argument("--broker-url", required=True, metavar="URL", help="mqtt://host:port")
    parser.add_argument("--ledger", required=True, type=Path, metavar="FILE", help="what was delivered; continued")
    parser.add_argument("--run", default=f"{time.time_ns():x}", metavar="NAME", help="message ids start with it")
    parser.add_argument("--connections", type=int, default=4, metavar="N", help="to the broker [%(default)s]")
    parser.add_argument("--stay", action="store_true", help="stay connected when all is delivered, until told to stop")
    add_plan_arguments(parser)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    broker = urlsplit(arguments.broker_url)
    if broker.scheme != "mqtt" or not broker.hostname:
        parser.error(f"--broker-url: {arguments.broker_url} is not of the form mqtt://host:port")
    try:
        ledger = Ledger(arguments.ledger, Run(arguments.run, time.time() + START_DELAY, plan_of(arguments)))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    fleet = Fleet(ledger, broker.hostname, broker.port or 1883, arguments.connections)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: fleet.stop())
    fleet.run(arguments.stay)
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
