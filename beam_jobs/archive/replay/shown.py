"""A replay as people and programs see it: a bar while it runs on a terminal, then what became of everything."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from beam_jobs.archive.reading.catalogue import Catalogue
from beam_jobs.archive.replay.estimate import PER_SECOND, Estimate
from beam_jobs.archive.replay.pace import MAX, written
from beam_jobs.archive.replay.running import Replay, Totals
from director.strict import printable

NAMED = 20  # objects of a kind that are named to people; JSON names all


@contextmanager
def bar(expected: int) -> Iterator[Callable[[Totals], None]]:
    """Lines read of those there are; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda totals: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        sys.stderr.write("no progress is shown without rich: pip install 'iot-dataflows[conductor]'\n")
        yield lambda totals: None
        return

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=expected)

        def shown(totals: Totals) -> None:
            text = f"{totals.published:,} replayed, {totals.skipped:,} skipped, {totals.failed:,} failed"
            progress.update(task, completed=totals.read, description=text)

        yield shown


def summary(replay: Replay, state: str, seconds: float, unlisted: frozenset[str]) -> dict[str, Any]:
    """For programs."""
    totals = replay.totals
    named = {replay.entries[number].name: tally for number, tally in sorted(replay.tallies.items())}
    return {
        "replay_id": replay.spec.replay_id,
        "target": str(replay.spec.target),
        "read": totals.read,
        "skipped": totals.skipped,
        "published": totals.published,
        "failed": totals.failed,
        "seconds": round(seconds, 3),
        "state": state,
        "damaged": {name: one.damage for name, one in named.items() if one.damage},
        "unlisted": sorted(unlisted),
        "objects": {
            name: {"read": one.done, "skipped": one.skipped, "published": one.published, "failed": one.failed}
            for name, one in named.items()
        },
    }


def told(found: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"replay     {found['replay_id']} to {printable(found['target'])}"
    yield f"objects    {len(found['objects']):,}, {len(found['damaged']):,} of them damaged"
    yield f"messages   {found['published']:,} replayed, {found['skipped']:,} skipped, {found['failed']:,} failed"
    if found["seconds"]:
        yield f"took       {found['seconds']:,} s, {found['published'] / found['seconds']:,.0f} messages/s"
    yield f"state      {printable(found['state'])}"
    yield from _named("damaged", list(found["damaged"].values()))
    yield from _named("no manifest lists", found["unlisted"])


def estimated(found: Estimate, known: Catalogue, speed: float) -> dict[str, Any]:
    return {
        "objects": found.objects,
        "bytes": found.bytes,
        "messages": found.messages,
        "first_event": found.first,
        "last_event": found.last,
        "seconds": round(found.seconds(speed), 3),
        "speed": written(speed),
        "objects_read": found.read,
        "damaged": list(found.damaged),
        "missing": sorted(known.missing),
        "unlisted": sorted(known.unlisted),
    }


def estimate_told(found: dict[str, Any], speed: float) -> Iterator[str]:
    yield f"would be replayed: {found['messages']:,} messages of {found['objects']:,} objects, {found['bytes']:,} bytes"
    if found["messages"]:
        yield f"of {found['first_event']} to {found['last_event']}"
    rate = f" at an assumed {PER_SECOND:,} messages/s" if speed == MAX else f" at speed {found['speed']}"
    yield f"in about {found['seconds']:,.0f} s{rate}"
    yield from _named("damaged", found["damaged"])
    yield from _named("listed and not there", found["missing"])
    yield from _named("no manifest lists", found["unlisted"])


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2)


def _named(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what}: {printable(name)}" for name in names[:NAMED])
    if len(names) > NAMED:
        yield f"{what}: {len(names) - NAMED:,} more; --json names all"
