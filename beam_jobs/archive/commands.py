"""`conductor archive verify|compact|query` and `conductor replay`: what they take; what they do is imported later."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

ENGINES = ("here", "direct", "dataflow")


def archive(parser: argparse.ArgumentParser) -> None:
    """Fills the parser of `conductor archive`."""
    parser.description = "Check an archive, make large objects of its small ones, or ask it questions."
    commands = parser.add_subparsers(required=True, metavar="verify|compact|query")
    _verify(_tool(commands, "verify", "hold the manifest against the objects, and against a table of BigQuery"))
    _compact(_tool(commands, "compact", "join small objects; whoever reads through the manifest sees no difference"))
    _query(_tool(commands, "query", "run SQL over the archive in DuckDB, on this machine"))


def replay(parser: argparse.ArgumentParser) -> None:
    """Fills the parser of `conductor replay`."""
    parser.description = "Publish archived messages again, as they were: to a topic, to one subscription, or to a file."
    parser.add_argument("archive", nargs="?", type=_place, metavar="gs://BUCKET/PREFIX")
    _add_range(parser)
    about = "only messages with this value, or with ATTRIBUTE^=START one that begins so; of one attribute any will do"
    parser.add_argument("--where", action="append", default=[], type=_where, metavar="ATTRIBUTE=VALUE", help=about)
    parser.add_argument("--device", action="append", default=[], help="ce-subject; repeatable")
    parser.add_argument("--id", action="append", default=[], help="ce-id; repeatable")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--topic", type=_named("topics"), metavar="projects/P/topics/T", help="for all its subscriptions"
    )
    target.add_argument(
        "--to-subscription",
        type=_named("subscriptions"),
        metavar="projects/P/subscriptions/S",
        help="through its topic, but for it alone, such as the one the warehouse reads",
    )
    target.add_argument("--file", type=Path, metavar="FILE", help="lines as in the archive; must not exist")
    parser.add_argument("--force", action="store_true", help="to a subscription whose filter does not keep others out")
    about = "1: as far apart as they happened; N: so many times closer; max: at once (default)"
    parser.add_argument("--speed", type=_speed, metavar="1|N|max", help=about)
    parser.add_argument("--no-listing", action="store_true", help="believe the manifest: do not list all objects")
    parser.add_argument("--dry-run", action="store_true", help="say how many, how large and how long; publish nothing")
    parser.add_argument("--replay-id", type=_replay_id, metavar="ID", help="what replay.id says (default: a new one)")
    about = "where its progress is kept (default: ID/state.jsonl)"
    parser.add_argument("--state", type=Path, metavar="FILE", help=about)
    parser.add_argument("--resume", action="store_true", help="go on with what --state or --replay-id names")
    about = "how long to try again while Pub/Sub is away (default: 10m)"
    parser.add_argument("--patience", type=_seconds, default="10m", metavar="DURATION", help=about)
    about = "here: this process; direct, dataflow: a batch pipeline of Beam, without order, speed and state"
    parser.add_argument("--engine", choices=ENGINES, default="here", help=about)
    about = "for Beam, in one text, such as '--project=P --region=R --temp_location=gs://B/tmp'"
    parser.add_argument("--beam-options", default="", metavar="OPTIONS", help=about)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=partial(_run, "beam_jobs.archive.replay.command"))


def _verify(parser: argparse.ArgumentParser) -> None:
    _add_range(parser)
    parser.add_argument(
        "--deep", action="store_true", help="read the objects: SHA-256, lines, times, ids that stand twice"
    )
    about = "objects that are not listed yet are no finding for so long (default: 10m)"
    parser.add_argument("--settling", type=_seconds, default="10m", metavar="DURATION", help=about)
    parser.add_argument("--table", type=_table, metavar="PROJECT.DATASET.TABLE", help="hold ids against this table")
    parser.add_argument("--column", default="ce_id", metavar="NAME", help="of the table: the id (default: ce_id)")
    about = "of the table: the event time that --from and --to bound (default: event_time)"
    parser.add_argument("--time-column", default="event_time", metavar="NAME", help=about)
    about = "of the table: the payload, as text or bytes, to be held against the archive's"
    parser.add_argument("--payload-column", metavar="NAME", help=about)


def _compact(parser: argparse.ArgumentParser) -> None:
    _add_range(parser)
    small = "objects with fewer bytes are joined (default: 4000000)"
    parser.add_argument("--smaller-than", type=_number, default=4_000_000, metavar="BYTES", help=small)
    old = "only those written so long ago (default: 1d)"
    parser.add_argument("--older-than", type=_seconds, default="1d", metavar="DURATION", help=old)
    bytes_ = "at most so many bytes of small objects become a large one (default: 16000000)"
    parser.add_argument("--target-bytes", type=_number, default=16_000_000, metavar="BYTES", help=bytes_)
    messages = "and so many messages (default: 200000)"
    parser.add_argument("--target-messages", type=_number, default=200_000, metavar="N", help=messages)
    keep = "replaced objects are deleted so long after, for whoever still reads them (default: 1d)"
    parser.add_argument("--keep", type=_seconds, default="1d", metavar="DURATION", help=keep)
    parser.add_argument("--dry-run", action="store_true", help="say what would be joined and deleted")


def _query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sql", help="such as \"SELECT id, event_time FROM archive WHERE attributes['ce-subject'] = 'd1'\""
    )
    _add_range(parser)
    parser.add_argument("--csv", action="store_true", help="comma-separated values")
    parser.add_argument("--no-listing", action="store_true", help="believe the manifest: do not list all objects")


def _tool(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("archive", type=_place, metavar="gs://BUCKET/PREFIX")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=partial(_run, f"beam_jobs.archive.tools.{name}_command"))
    return parser


def _add_range(parser: argparse.ArgumentParser) -> None:
    for option, name, about in (("from", "from_", "that happened from then on"), ("to", "to", "before then")):
        text = f"messages {about}: 2h ago as 2h, or RFC 3339"
        parser.add_argument(f"--{option}", dest=name, type=_moment, metavar="TIME", help=text)


def _run(module: str, given: argparse.Namespace) -> int:
    """Errors of the jobs, and of a manifest that is none, as the conductor knows them."""
    from beam_jobs.errors import Misconfigured, RetryLater
    from director import errors

    try:
        return int(import_module(module).run(given))
    except Misconfigured as error:
        raise errors.Misconfigured(str(error)) from error
    except RetryLater as error:
        raise errors.Unavailable(str(error)) from error


def _checked(check: Callable[[str], Any], text: str) -> Any:
    try:
        return check(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _place(text: str) -> Any:
    from beam_jobs.archive.reading.place import place

    return _checked(place, text)


def _moment(text: str) -> Any:
    from beam_jobs.archive.reading.place import event_time

    return _checked(partial(event_time, now=datetime.now(UTC)), text)


def _where(text: str) -> Any:
    from beam_jobs.archive.reading.choice import where

    return _checked(where, text)


def _speed(text: str) -> Any:
    from beam_jobs.archive.replay.pace import speed

    return _checked(speed, text)


def _replay_id(text: str) -> Any:
    from beam_jobs.archive.replay.spec import replay_id

    return _checked(replay_id, text)


def _seconds(text: str) -> Any:
    from director.durations import duration

    found: timedelta = _checked(duration, text)
    return found.total_seconds()


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number from 1 on")
    return int(text)


def _table(text: str) -> str:
    if len(text.split(".")) != 3 or "`" in text:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not of the form PROJECT.DATASET.TABLE")
    return text


def _pubsub_name(kind: str, text: str) -> None:
    """Pub/Sub refuses each message for the name of its topic, as if the message were to blame. Raises ValueError."""
    from pydantic import TypeAdapter, ValidationError

    from director.names import SubscriptionName, TopicName

    try:
        TypeAdapter(TopicName if kind == "topics" else SubscriptionName).validate_python(text)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _named(kind: str) -> Callable[[str], str]:
    def named(text: str) -> str:
        parts = text.split("/")
        if len(parts) != 4 or (parts[0], parts[2]) != ("projects", kind) or not (parts[1] and parts[3]):
            raise argparse.ArgumentTypeError(f"{text[:100]!r} is not of the form projects/PROJECT/{kind}/NAME")
        _checked(partial(_pubsub_name, kind), parts[3])
        return text

    return named
