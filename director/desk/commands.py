"""`conductor dead-letters list|show|retry|discard`: a shell around the desk."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from director.arguments import environment
from director.desk.letters import MAX_ATTEMPTS
from director.errors import Misconfigured

if TYPE_CHECKING:  # all of these bring Google's clients, or pydantic
    from director.desk.desk import Desk, Outcome
    from director.desk.selection import Selection
    from director.desk.tables import Tables

LISTED = 50


def dead_letters(parser: argparse.ArgumentParser) -> None:
    parser.description = "Look at messages that failed, send them back to where they failed, or let them go."
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = partial(_add, commands)
    listing = add("list", "print letters nobody decided about, and how many there are of each stage and reason")
    listing.add_argument("--all", action="store_true", help="those retried and discarded as well")
    listing.add_argument("--limit", type=_count, default=LISTED, help=f"at most so many (default: {LISTED})")
    listing.add_argument("--json", action="store_true", help="for programs")
    showing = add("show", "print everything about letters, their payload included")
    showing.add_argument("--limit", type=_count, default=LISTED, help=f"at most so many (default: {LISTED})")
    showing.add_argument("--json", action="store_true", help="for programs: one object a line, payload in base64")
    _add_retry(add("retry", "send letters back to the stage that failed, and only to it"))
    discarding = add("discard", "mark letters as not worth a retry; they stay where they are")
    discarding.add_argument("--yes", action="store_true", help="do not ask")
    _add_changes(discarding)


def _add_retry(retrying: argparse.ArgumentParser) -> None:
    about = f"refuse letters that failed so often (default: {MAX_ATTEMPTS})"
    retrying.add_argument("--max-attempts", type=_count, default=MAX_ATTEMPTS, metavar="N", help=about)
    retrying.add_argument("--again", action="store_true", help="also letters that were decided about before")
    about = "beyond --max-attempts, past a subscription without a filter for retries, without lost properties"
    retrying.add_argument("--force", action="store_true", help=about)
    about = "the broker's address, for letters of the bridge (default: MQTT_BROKER_URL)"
    retrying.add_argument("--broker", metavar="URL", default=os.environ.get("MQTT_BROKER_URL"), help=about)
    retrying.add_argument("--broker-username", metavar="NAME")
    about = "the environment variable that holds the password (default: MQTT_PASSWORD)"
    retrying.add_argument("--broker-password-env", metavar="VARIABLE", default="MQTT_PASSWORD", help=about)
    retrying.add_argument("--broker-ca-file", metavar="FILE", help="authorities that may vouch for the broker")
    _add_changes(retrying)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=_count, help="at most so many")
    parser.add_argument("--everything", action="store_true", help="needed where nothing else says which letters")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--by", default=None, metavar="NAME", help="who decides (default: this user)")
    parser.add_argument("--note", default="", help="kept with the decision")


def _add(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=partial(_at_desk, ACTIONS[name]), by=None)
    parser.set_defaults(broker=None, broker_username=None, broker_password_env="", broker_ca_file=None)
    parser.add_argument("message_ids", nargs="*", metavar="MESSAGE", help="message ids, as list prints them")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--architecture", type=Path, metavar="FILE", help="the document that declares the tables")
    where.add_argument("--table", metavar="PROJECT.DATASET.TABLE", help="the table of dead letters itself")
    parser.add_argument("--dataflow", metavar="NAME", help="which one of --architecture (default: the only one)")
    environment(parser)
    about = "goes with --table (default: dead_letter_decisions beside it)"
    parser.add_argument("--decisions", metavar="PROJECT.DATASET.TABLE", help=about)
    for option, about in (
        ("stage", "that failed: bridge, enrichment, warehouse or archive"),
        ("reason", "as in docs/dead-letters.md"),
        ("id", "ce-id of the message"),
        ("device", "ce-subject of the message"),
    ):
        parser.add_argument(f"--{option}", action="append", default=[], help=f"{about}; repeatable")
    for option, about in (("since", "written from then on"), ("until", "written before then")):
        parser.add_argument(f"--{option}", type=_moment, metavar="TIME", help=f"{about}: 2h ago as 2h, or RFC 3339")
    return parser


def _at_desk(action: "Action", arguments: argparse.Namespace) -> int:
    """Raises DocumentError, DirectorError, OSError."""
    from director.desk.broker import ThroughBroker
    from director.desk.desk import Desk
    from director.desk.subscriptions import ThroughSubscriptions
    from director.provisioning.clients import Clients

    tables = _tables(arguments)
    username = arguments.broker_username
    password = os.environ.get(arguments.broker_password_env) if username else None
    with (
        Clients.open(tables.project) as clients,
        ThroughBroker(arguments.broker, username, password, arguments.broker_ca_file) as bridge,
    ):
        jobs = ThroughSubscriptions(clients.publisher, clients.subscriber)
        desk = Desk(clients.bigquery, tables, jobs=jobs, bridge=bridge, who=arguments.by or _user())
        return action(desk, arguments)


def _list(desk: "Desk", arguments: argparse.Namespace) -> int:
    import json

    from director.desk import shown

    wanted = _selection(arguments, decided=arguments.all)
    letters, counts = list(desk.list(wanted)), desk.summary(wanted)
    if arguments.json:
        found = [shown.as_json(letter) for letter in letters]
        _say(json.dumps({"letters": found, "summary": [shown.count_as_json(count) for count in counts]}, indent=2))
        return 0
    for line in (*shown.table(letters, arguments.all), "", *shown.totals(counts)) if letters else ("no dead letters",):
        _say(line)
    total = sum(count.letters for count in counts)
    if total > len(letters):
        _say(f"\n{len(letters):,} of {total:,} listed; narrow it down, or use --limit")
    return 0


def _show(desk: "Desk", arguments: argparse.Namespace) -> int:
    import json

    from director.desk import shown
    from director.errors import Unknown

    _be_told_which(arguments)
    found = 0
    for letter in desk.list(_selection(arguments, decided=True), with_data=True):
        lines = [json.dumps(shown.as_json(letter))] if arguments.json else ["", *shown.details(letter)][found == 0 :]
        found += 1
        for line in lines:
            _say(line)
    if not found:
        raise Unknown("no such dead letter; `list --all` prints those there are")
    return 0


def _retry(desk: "Desk", arguments: argparse.Namespace) -> int:
    _be_told_which(arguments)
    outcomes = desk.retry(
        _selection(arguments, decided=arguments.again),
        max_attempts=arguments.max_attempts,
        force=arguments.force,
        dry_run=arguments.dry_run,
        note=arguments.note,
    )
    return _report(outcomes, arguments.dry_run)


def _discard(desk: "Desk", arguments: argparse.Namespace) -> int:
    _be_told_which(arguments)
    wanted = _selection(arguments, decided=False)
    if not arguments.yes and not arguments.dry_run and not _agreed(sum(one.letters for one in desk.summary(wanted))):
        _say("nothing was discarded")
        return 1
    return _report(desk.discard(wanted, dry_run=arguments.dry_run, note=arguments.note), arguments.dry_run)


Action = Callable[["Desk", argparse.Namespace], int]
ACTIONS: dict[str, Action] = {"list": _list, "show": _show, "retry": _retry, "discard": _discard}


def _report(outcomes: "Iterable[Outcome]", dry_run: bool) -> int:
    """Refusals one by one, what went well as a number; 1 where anything was refused."""
    from director.desk.progress import Progress

    with Progress(sys.stderr) as progress:
        for outcome in outcomes:
            if outcome.done == "refused":
                progress.line(f"refused   {outcome.letter.message_id}: {outcome.why}")
            elif dry_run:
                progress.line(f"would be {outcome.done}   {outcome.letter.message_id}  {outcome.target}".rstrip())
            progress.count(outcome.done)
    _say(("would be: " if dry_run else "") + progress.summary())
    return 1 if progress.refused else 0


def _agreed(letters: int) -> bool:
    """Raises Misconfigured where nobody can be asked."""
    if not sys.stdin.isatty():
        raise Misconfigured("discard asks before it marks letters, and nobody is there to answer; add --yes")
    sys.stderr.write(f"discard up to {letters:,} letters? They stay in the table, and no retry takes them. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _be_told_which(arguments: argparse.Namespace) -> None:
    if not _selection(arguments, decided=False).narrow and not getattr(arguments, "everything", False):
        raise Misconfigured("say which letters: message ids, --stage, --reason, --id, --device, --since or --until")


def _selection(arguments: argparse.Namespace, decided: bool) -> "Selection":
    from director.desk.selection import Selection

    return Selection(
        stages=tuple(arguments.stage),
        reasons=tuple(arguments.reason),
        ce_ids=tuple(arguments.id),
        message_ids=tuple(arguments.message_ids),
        devices=tuple(arguments.device),
        since=arguments.since,
        until=arguments.until,
        decided=decided,
        limit=arguments.limit,
    )


def _tables(arguments: argparse.Namespace) -> "Tables":
    from director.desk import tables

    if arguments.table:
        if arguments.dataflow:
            raise Misconfigured("--dataflow goes with --architecture; --table names its table itself")
        return tables.named(arguments.table, arguments.decisions)
    if arguments.decisions:
        raise Misconfigured("--decisions goes with --table; --architecture declares both")
    from director.documents.loading import load

    return tables.declared(load(arguments.architecture, arguments.environment).architecture, arguments.dataflow)


def _moment(text: str) -> datetime:
    from director.moments import moment

    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number from 1 on")
    return int(text)


def _say(line: str) -> None:
    print(line)  # noqa: T201
