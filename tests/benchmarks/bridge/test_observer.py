"""What the race sees of a contender from outside."""

import os
import socket
import time
from collections.abc import Callable

import pytest

from benchmarks.bridge import observer
from benchmarks.bridge.observer import Sample, Traffic, Wire
from localcloud.ports import HOST


def test_the_wire_counts_what_the_port_s_owner_sent_and_what_it_has_read(eventually: Callable[..., None]) -> None:
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        owner, _ = server.accept()
        with owner, Wire(server.getsockname()[1]) as wire:
            owner.sendall(b"x" * 300)
            client.sendall(b"y" * 50)
            eventually(lambda: [one.sent for one in wire.traffic()] == [300])
            assert [one.read for one in wire.traffic()] == [0], "what lies unread is not read"
            assert owner.recv(20) == b"y" * 20
            eventually(lambda: wire.traffic() == [Traffic(sent=300, read=20)])


def test_a_port_without_connections_has_no_traffic() -> None:
    with socket.create_server((HOST, 0)) as server, Wire(server.getsockname()[1]) as wire:
        assert wire.traffic() == []


def test_cpu_time_is_that_of_the_process() -> None:
    before = observer.cpu_seconds(os.getpid())
    spent = time.process_time() + 0.05
    while time.process_time() < spent:
        pass
    assert observer.cpu_seconds(os.getpid()) - before == pytest.approx(0.05, abs=0.04)


def test_memory_is_read_in_megabytes_and_the_peak_is_not_below_the_present() -> None:
    present = observer.megabytes(os.getpid(), "VmRSS")
    assert 5 < present <= observer.megabytes(os.getpid(), "VmHWM")


def sample(at: float, sent: int, read: int, cpu: float) -> Sample:
    return Sample(at, Traffic(sent, read), contender=cpu, broker=2 * cpu, server=3 * cpu, foreign=4 * cpu)


def test_a_drain_lasts_from_before_the_first_delivery_to_the_last_acknowledgement() -> None:
    samples = [
        sample(1.0, 4, 23, 0.5),  # CONNACK
        sample(2.0, 9, 40, 1.0),  # SUBACK
        sample(3.0, 5_000, 40, 1.5),
        sample(4.0, 9_000, 400, 2.0),
        sample(5.0, 9_000, 440, 3.0),  # the last acknowledgement
        sample(6.0, 9_000, 440, 9.0),
    ]
    drained = observer.drained(samples)
    assert drained.seconds == 3.0
    assert (drained.contender, drained.broker, drained.server, drained.foreign) == (2.0, 4.0, 6.0, 8.0)


def test_a_message_needs_four_bytes_of_acknowledgement() -> None:
    assert not observer.may_be_done(Traffic(0, 399), messages=100)
    assert observer.may_be_done(Traffic(0, 400), messages=100)
