"""`conductor replay` behind its parser: a new replay, one that is resumed, what one would do, and one on Beam."""

import argparse
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from beam_jobs.archive.reading.catalogue import Catalogue, catalogue
from beam_jobs.archive.reading.choice import Choice, choice
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import BucketShelf, open_shelf
from beam_jobs.archive.replay import shown, targets
from beam_jobs.archive.replay.estimate import estimate
from beam_jobs.archive.replay.pace import MAX, Pace, speed, written
from beam_jobs.archive.replay.running import Replay
from beam_jobs.archive.replay.spec import Spec, Target, minted, spec
from beam_jobs.archive.replay.state import State
from beam_jobs.archive.replay.targets import open_taker
from beam_jobs.errors import Misconfigured
from bridge.envelope import timestamp

_FIXED = ("archive", "from_", "to", "where", "device", "id", "topic", "file", "to_subscription", "no_listing", "force")


def run(given: argparse.Namespace) -> int:
    """Exit code: 1 where something was damaged, missing or refused."""
    if given.resume:
        return _resumed(given)
    if given.archive is None:
        raise Misconfigured("say which archive: gs://BUCKET/PREFIX")
    if given.dry_run:
        return _dry(given)
    wanted = _spec(given)
    if given.engine != "here":
        from beam_jobs.archive.replay.pipeline import run as on_beam

        return on_beam(wanted, given.engine, given.beam_options, given.json)
    shelf = open_shelf(wanted.archive.bucket)
    known = _known(shelf, wanted.archive, wanted.choice.span, wanted.listing)
    path = _state_path(given, wanted.replay_id)
    state = State.create(path, wanted.as_json(), known.entries)
    try:
        taker = open_taker(wanted, timestamp(datetime.now(UTC)), None, given.patience)
    except BaseException:
        state.close()
        path.unlink()  # nothing was begun
        raise
    replay = Replay(wanted, known.entries, shelf, taker, state, Pace(given.speed or MAX))
    return _run(replay, state, path, known.unlisted, given)


def _resumed(given: argparse.Namespace) -> int:
    """What was fixed when it began is in the state, so nobody says it again."""
    said = [name for name in _FIXED if getattr(given, name)]
    if said or given.dry_run or given.engine != "here":
        raise Misconfigured("--resume goes on as it was begun: give --state or --replay-id, and at most --speed")
    if given.state is None and given.replay_id is None:
        raise Misconfigured("say what to resume: --state FILE, or --replay-id ID")
    path = _state_path(given, given.replay_id or "")
    state, resumed = State.resume(path)
    wanted = spec(resumed.spec)
    try:
        shelf = open_shelf(wanted.archive.bucket)
        taker = open_taker(wanted, timestamp(datetime.now(UTC)), resumed.position, given.patience)
    except BaseException:
        state.close()
        raise
    pace = Pace(given.speed or speed(wanted.speed))
    replay = Replay(wanted, resumed.entries, shelf, taker, state, pace, resumed.tallies)
    return _run(replay, state, path, frozenset(), given)


def _run(replay: Replay, state: State, path: Path, unlisted: frozenset[str], given: argparse.Namespace) -> int:
    began = time.monotonic()
    try:
        with shown.bar(sum(entry.count for entry in replay.entries)) as bar:
            replay.shown = bar
            totals = replay.run()
    except BaseException:
        sys.stderr.write(f"to go on: conductor replay --resume --state {path}\n")
        raise
    finally:
        replay.taker.close()
        state.close()
    found = shown.summary(replay, str(path), time.monotonic() - began, unlisted)
    _say([shown.as_json(found)] if given.json else shown.told(found))
    return 1 if totals.damaged or totals.failed else 0


def _dry(given: argparse.Namespace) -> int:
    shelf = open_shelf(given.archive.bucket)
    wanted = _choice(given)
    known = _known(shelf, given.archive, wanted.span, not given.no_listing)
    present = [one for one in known.entries if one.name not in known.missing]
    pace = given.speed or MAX
    found = shown.estimated(estimate(shelf, present, wanted), known, pace)
    _say([shown.as_json(found)] if given.json else shown.estimate_told(found, pace))
    return 1 if found["damaged"] or found["missing"] else 0


def _spec(given: argparse.Namespace) -> Spec:
    replay_id = given.replay_id or minted(datetime.now(UTC))
    target, pace = _target(given), written(given.speed or MAX)
    return Spec(replay_id, given.archive, _choice(given), target, not given.no_listing, pace)


def _choice(given: argparse.Namespace) -> Choice:
    return choice(Span(given.from_ or "", given.to or ""), given.id, given.device, given.where)


def _target(given: argparse.Namespace) -> Target:
    if given.topic:
        return Target("topic", given.topic)
    if given.file:
        return Target("file", str(given.file.resolve()))  # whoever resumes may be in another folder
    if given.to_subscription:
        return targets.only_to(given.to_subscription, given.force, targets.look_up)
    raise Misconfigured("say where to: --topic, --to-subscription or --file")


def _known(shelf: BucketShelf, place: Place, span: Span, listing: bool) -> Catalogue:
    known = catalogue(shelf, place, span, listing)
    for name in sorted(known.strangers):
        sys.stderr.write(f"left out, for it is no object of an archive by its name: {name}\n")
    return known


def _state_path(given: argparse.Namespace, replay_id: str) -> Path:
    return given.state or Path(replay_id) / "state.jsonl"


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
