"""The race of the enrichments: messages in, a lookup and a window for each, PublishRequests out.

The same messages for all: 300 bytes of JSON under 11 attributes, devices by Zipf's law. Every contender ends in the
same sink, which takes requests and sends them nowhere, so that what is compared is the jobs. What is compared and how
is told in docs/benchmarks.md.
"""

import itertools
import logging
from collections.abc import Callable, Sequence

from benchmarks.chart import Panel, chart
from benchmarks.enrichment import ours, peers, stand, workload
from benchmarks.race import Bar, Metrics, Rows, race

DEVICES = 10_000
MANY, SOME, FEW = 100_000, 10_000, 3_000  # messages a contender gets by what it needs for each
FLAT_MESSAGES = (10_000, 1_000_000)
FLAT_DEVICES = (1_000, 1_000_000)

WARM = "ours warm"
COLD = "ours cold"
NOTHING = "same graph without work"
LOOP = "plain loop over protobufs"
IDIOMATIC = "Beam as in its examples"
REDIS_COLD, REDIS_WARM = "Enrichment.with_redis_cache cold", "Enrichment.with_redis_cache warm"
SPEED, COST = "msg/s", "us CPU/msg"
Job = Callable[[Sequence[bytes]], Metrics]
_numbers = itertools.count()


PANELS = (
    Panel(SPEED, "messages per second, log scale\n(longer is better)", log=True),
    Panel(COST, "CPU a message, us, log scale\n(shorter is better)", log=True),
)


def main(argv: Sequence[str]) -> int:
    logging.disable(logging.WARNING)
    with stand.stand(DEVICES) as redis_port:
        return race("enrichment", _contenders(redis_port), bars, argv, draw=chart("enrichment", PANELS))


def _contenders(redis_port: int) -> dict[str, Callable[[], Metrics]]:
    work = workload.messages(MANY, DEVICES)
    some, few = work[:SOME], work[:FEW]
    peers.know(workload.device(number) for number in range(DEVICES + 1))
    cache = ours.cache()
    warm, nothing = ours.job("warm", cache), ours.nothing("nothing")
    firestore = ours.job("firestore", ours.firestore(stand.PROJECT))
    warm(work)
    return {
        "ours without Beam": lambda: ours.without_beam(cache, work),
        LOOP: lambda: peers.plain_loop(work),
        NOTHING: lambda: nothing(work),
        WARM: lambda: warm(work),
        "ours from Redis": lambda: _second(_new_job(redis_port, in_process=False), work),
        "ours from Firestore": lambda: firestore(some),
        COLD: lambda: _cold(redis_port, lambda: _new_job(redis_port)(some)),
        IDIOMATIC: lambda: peers.idiomatic(some),
        "Enrichment": lambda: peers.enrichment(few),
        REDIS_COLD: lambda: _cold(redis_port, lambda: peers.enrichment(some, redis_port)),
        REDIS_WARM: lambda: peers.enrichment(few, redis_port),
        **{_messages(count): _repeated(warm, work, count) for count in FLAT_MESSAGES},
        **{_devices(count): _of_devices(redis_port, count) for count in FLAT_DEVICES},
    }


def _new_job(redis_port: int, in_process: bool = True) -> Job:
    """A job with nothing in its process, in a part of Redis that nobody else has."""
    name = f"job-{next(_numbers)}"
    return ours.job(name, ours.cache(redis_port, name, in_process))


def _cold(redis_port: int, run: Callable[[], Metrics]) -> Metrics:
    stand.forget(redis_port)
    return run()


def _second(job: Job, work: Sequence[bytes]) -> Metrics:
    """The first run fills the caches."""
    job(work)
    return job(work)


def _repeated(warm: Job, work: Sequence[bytes], count: int) -> Callable[[], Metrics]:
    return lambda: warm((list(work) * (count // len(work) + 1))[:count])


def _of_devices(redis_port: int, devices: int) -> Callable[[], Metrics]:
    work = workload.messages(MANY, devices)
    return lambda: _second(_new_job(redis_port), work)


def _messages(count: int) -> str:
    return f"ours {_short(count)} messages"


def _devices(count: int) -> str:
    return f"ours {_short(count)} devices"


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1_000}k"


def bars(rows: Rows) -> list[Bar]:
    warm, cold = rows[WARM][SPEED], rows[COLD][SPEED]
    few_messages, many_messages = (rows[_messages(count)][COST] for count in FLAT_MESSAGES)
    few_devices, many_devices = (rows[_devices(count)][COST] for count in FLAT_DEVICES)
    return [
        Bar("warm against Beam as in its examples", warm / rows[IDIOMATIC][SPEED], 12.0),
        Bar("warm against a plain loop", warm / rows[LOOP][SPEED], 2.5),
        Bar("warm against the same graph without work", warm / rows[NOTHING][SPEED], 0.3),
        Bar("warm against with_redis_cache warm", warm / rows[REDIS_WARM][SPEED], 40.0),
        Bar("cold against with_redis_cache cold", cold / rows[REDIS_COLD][SPEED], 20.0),
        Bar("CPU a message, 1,000,000 messages against 10,000", many_messages / few_messages, 1.15, True),
        Bar("CPU a message, 1,000,000 devices against 1,000", many_devices / few_devices, 1.15, True),
    ]
