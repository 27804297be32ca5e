"""One contender drains one prepared queue."""

import os
import subprocess
import time
from pathlib import Path

from benchmarks.bridge import devices, observer
from benchmarks.bridge.contenders import CLIENT_ID, Contender
from benchmarks.bridge.observer import Sample, Wire
from benchmarks.bridge.stand import Incomplete, Stand, child, stand
from benchmarks.race import Metrics

MESSAGES = 60_000  # this mosquitto delivers no more than 65,535 of a longer queue
EVERY = 0.003  # seconds between two looks at the kernel's counters
STILL = 0.3  # seconds without a further acknowledgement, after which the last one was the last
LONGEST = 180.0  # seconds for a drain


def drain(contender: Contender, messages: int = MESSAGES, longest: float = LONGEST) -> Metrics:
    """Raises Incomplete, after `longest` seconds at the latest."""
    with stand() as at:
        devices.open_session(at.mqtt_port, CLIENT_ID, contender.protocol)
        with devices.fleet(at.mqtt_port) as fleet:
            fleet.send_all(messages)
        command, environment = contender.start(at, contender.hold)
        with child(command, at.log if contender.publishes else Path("/dev/null"), environment) as process:
            samples = _watch(at, contender, process, messages, longest)
            peak = observer.megabytes(process.pid, "VmHWM")
        if devices.left_in_session(at.mqtt_port, CLIENT_ID, contender.protocol):
            raise Incomplete("the broker still had messages after the drain")
    return _metrics(samples, messages, peak)


def _watch(
    at: Stand, contender: Contender, process: "subprocess.Popen[bytes]", messages: int, longest: float
) -> list[Sample]:
    """Samples from before the first delivery until after the last acknowledgement."""
    samples: list[Sample] = []
    until = time.monotonic() + longest
    with Wire(at.mqtt_port) as wire:
        while not (samples and _done(at, contender, samples, messages)):
            if process.poll() is not None:
                raise Incomplete(f"it ended with {process.returncode}: {at.last_words()}")
            if time.monotonic() > until:
                raise Incomplete(f"not drained within {longest:.0f} s: {samples[-1:]}; {at.last_words()}")
            time.sleep(EVERY)
            samples += [observer.sample(traffic, process.pid, at.broker, at.server) for traffic in wire.traffic()]
    return samples


def _done(at: Stand, contender: Contender, samples: list[Sample], messages: int) -> bool:
    """Everything acknowledged, nothing more since a while, and all of it published."""
    last = samples[-1]
    still = any(one.traffic == last.traffic and one.at < last.at - STILL for one in samples[-int(3 * STILL / EVERY) :])
    if not still or not observer.may_be_done(last.traffic, messages):
        return False
    return not contender.publishes or at.published() >= messages


def _metrics(samples: list[Sample], messages: int, peak: float) -> Metrics:
    drained = observer.drained(samples)
    return {
        "msg/s": messages / drained.seconds,
        "msg/CPU-s": messages / drained.contender,
        "peak MB": peak,
        "broker us/msg": drained.broker / messages * 1e6,
        "server us/msg": drained.server / messages * 1e6,
        "foreign CPU %": 100 * drained.foreign / drained.seconds / (os.cpu_count() or 1),
    }
