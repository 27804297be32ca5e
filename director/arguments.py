"""The options of the commands that look at resources or change them, the same behind both command lines. Light."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

LEASE_SECONDS = 30.0
Fill = Callable[[argparse.ArgumentParser], None]


def plan(parser: argparse.ArgumentParser) -> None:
    _document(parser)
    _part(parser)
    parser.add_argument("--json", action="store_true", help="print the plans as JSON")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the plans there too, for apply --plan")
    grants(parser)


def apply(parser: argparse.ArgumentParser) -> None:
    _document(parser)
    _part(parser)
    _agreed(parser)
    parser.add_argument(
        "--adopt", action="store_true", help="count what is ours as made by us, where the journal does not know it"
    )
    grants(parser)
    journal(parser)


def verify(parser: argparse.ArgumentParser) -> None:
    _document(parser)
    grants(parser)


def drift(parser: argparse.ArgumentParser) -> None:
    _document(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    journal(parser)


def teardown(parser: argparse.ArgumentParser) -> None:
    document(parser)
    parser.add_argument("--dataflow", required=True)
    _part(parser)
    _deleting(parser)


def rollback(parser: argparse.ArgumentParser) -> None:
    document(parser)
    parser.add_argument("--dataflow", required=True)
    parser.set_defaults(service=None, resource=None)
    _deleting(parser)


def _deleting(parser: argparse.ArgumentParser) -> None:
    _agreed(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what would be done; changes nothing")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --dry-run, write the plan there too")
    parser.add_argument("--yes", action="store_true", help="do not ask; data needs --force-data-loss all the same")
    parser.add_argument(
        "--force-data-loss",
        action="append",
        default=[],
        metavar="NAME",
        help="delete this resource with the data in it; for each one, by name",
    )
    grants(parser)
    journal(parser)


def history(parser: argparse.ArgumentParser) -> None:
    document(parser)
    parser.add_argument("--dataflow", help="only this one (default: all)")
    parser.add_argument("--json", action="store_true", help="print it as JSON lines")
    journal(parser)


def grants(parser: argparse.ArgumentParser) -> None:
    about = "also the rights that the links ask for, each before what needs it (default: resources alone)"
    parser.add_argument("--grants", action="store_true", help=about)


def journal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--journal",
        default="firestore",
        metavar="FILE|firestore",
        help="where leases and the journal are kept (default: firestore)",
    )
    parser.add_argument(
        "--journal-collection", default="director", metavar="NAME", help="the collection there (default: director)"
    )
    parser.add_argument(
        "--lease-seconds",
        type=_seconds,
        default=LEASE_SECONDS,
        metavar="N",
        help=f"how long a director that died keeps others out (default: {LEASE_SECONDS:g})",
    )


COMMANDS: dict[str, tuple[str, Fill]] = {
    "plan": ("print what apply would do; changes nothing", plan),
    "apply": ("create and update what a document wants", apply),
    "verify": ("print what is not as a document wants it; changes nothing", verify),
    "drift": ("print each field that is not as a document wants it, and what moved; changes nothing", drift),
    "teardown": ("delete what was made for a dataflow, unless it is protected or holds data", teardown),
    "rollback": ("bring back what was last applied whole, and delete what was made since", rollback),
    "history": ("print what was intended and what came of it", history),
}


def document(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    environment(parser)


def environment(parser: argparse.ArgumentParser) -> None:
    """For every command that takes a document."""
    default = os.environ.get("DIRECTOR_ENVIRONMENT") or None
    about = "the deployment environment of the document to take (default: DIRECTOR_ENVIRONMENT, or the document's own)"
    parser.add_argument("--environment", default=default, metavar="NAME", help=about)


def _document(parser: argparse.ArgumentParser) -> None:
    document(parser)
    parser.add_argument("--dataflow", help="only this one (default: all)")


def _part(parser: argparse.ArgumentParser) -> None:
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--service", help="only what this service is linked to")
    part.add_argument("--resource", metavar="KIND/NAME", help="only this one, as topics/readings")


def _agreed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan", metavar="HASH|FILE", help="do exactly this plan; refused where it is not what would be done now"
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 600:
        raise argparse.ArgumentTypeError("between 1 and 600 seconds")
    return value
