"""What is seen of a contender from outside, the same for all and cheap: kernel counters, nobody's own word.

The broker's end of the contender's connection (Linux `sock_diag(7)`, struct tcp_info) tells how many bytes the broker
sent and read. At QoS 1 every message ends with a PUBACK of at least four bytes. So the first byte after CONNACK
and SUBACK is the first delivery, and the moment after which nothing more comes is the last acknowledgement. CPU time
is the process clock that `clock_getcpuclockid(3)` gives: nanoseconds, all threads, those that ended included.
"""

import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NETLINK_SOCK_DIAG, _BY_FAMILY, _DUMP, _ESTABLISHED = 4, 20, 0x301, 1 << 1
_INFO = 2  # INET_DIAG_INFO
_UNREAD_AT = 56  # idiag_rqueue: came, and not read yet
_SENT_AT, _RECEIVED_AT = 200, 128  # tcpi_bytes_sent, tcpi_bytes_received
_PUBACK_BYTES = 4
_HANDSHAKE_BYTES = 128  # more than CONNACK and SUBACK, fewer than a message


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes the broker sent to its one client, and read from it."""

    sent: int
    read: int


@dataclass(frozen=True, slots=True)
class Sample:
    """`foreign` is CPU time of whatever has no part in the race."""

    at: float
    traffic: Traffic
    contender: float
    broker: float
    server: float
    foreign: float


class Wire:
    """Connections that clients have open to one port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.settimeout(5)
        wanted = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, _ESTABLISHED)
        identity = struct.pack("!HH", port, 0) + bytes(36) + b"\xff" * 8
        body = wanted + identity
        self._request = struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _DUMP, 0, 0) + body
        self._port = port

    def traffic(self) -> list[Traffic]:
        """Of each open connection, as the port's owner sees it."""
        self._socket.send(self._request)
        found: list[Traffic] = []
        while True:
            answer = self._socket.recv(1 << 16)
            for kind, body in _messages(answer):
                if kind != _BY_FAMILY:  # NLMSG_DONE, or an error
                    return found
                found += _of(body, self._port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _messages(answer: bytes) -> list[tuple[int, bytes]]:
    messages, position = [], 0
    while position + 16 <= len(answer):
        length, kind = struct.unpack_from("=IH", answer, position)
        messages.append((kind, answer[position + 16 : position + length]))
        position += (length + 3) & ~3
    return messages


def _of(body: bytes, port: int) -> list[Traffic]:
    if struct.unpack_from("!H", body, 4)[0] != port:  # the client's end
        return []
    position = 72
    while position + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, position)
        if kind == _INFO:
            info = body[position + 4 : position + length]
            sent, received = (struct.unpack_from("=Q", info, at)[0] for at in (_SENT_AT, _RECEIVED_AT))
            return [Traffic(sent, received - struct.unpack_from("=I", body, _UNREAD_AT)[0])]
        position += (length + 3) & ~3
    return []


def sample(traffic: Traffic, contender: int, broker: int, server: int) -> Sample:
    racing = cpu_seconds(contender), cpu_seconds(broker), cpu_seconds(server)
    foreign = machine_seconds() - sum(racing) - time.process_time()
    return Sample(time.perf_counter(), traffic, *racing, foreign)


def machine_seconds() -> float:
    """CPU time the whole machine has spent since it started, and that a hypervisor took from it (`proc(5)`)."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process since it began. No contender starts processes of its own."""
    return time.clock_gettime((~pid << 3) | 2)


def megabytes(pid: int, field: str) -> float:
    """Memory of a process: `VmHWM` is the peak, `VmRSS` the present."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds, and CPU-seconds, from the first message delivered to the last one acknowledged."""

    seconds: float
    contender: float
    broker: float
    server: float
    foreign: float


def drained(samples: Sequence[Sample]) -> Drained:
    last_bytes = samples[-1].traffic.read
    first = next(number for number, one in enumerate(samples) if one.traffic.sent > _HANDSHAKE_BYTES)
    start = samples[max(0, first - 1)]
    end = next(one for one in samples if one.traffic.read == last_bytes)
    return Drained(
        end.at - start.at,
        end.contender - start.contender,
        end.broker - start.broker,
        end.server - start.server,
        end.foreign - start.foreign,
    )


def may_be_done(traffic: Traffic, messages: int) -> bool:
    return traffic.read >= _PUBACK_BYTES * messages
