"""The options of `config`, and of what serves a store. Light."""

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path

from director.arguments import environment

Fill = Callable[[argparse.ArgumentParser], None]
COLLECTION = "architecture"
STORE = "FILE|firestore"


def store(parser: argparse.ArgumentParser) -> None:
    """Where it lies, apart from `--store` itself: by then no document is known that could say it."""
    parser.add_argument(
        "--store-project",
        default=os.environ.get("GOOGLE_CLOUD_PROJECT") or None,
        metavar="PROJECT",
        help="with a store in firestore: the project (default: GOOGLE_CLOUD_PROJECT)",
    )
    parser.add_argument(
        "--store-collection", default=COLLECTION, metavar="NAME", help=f"the collection there (default: {COLLECTION})"
    )


def serving(parser: argparse.ArgumentParser) -> None:
    """What a director serves."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--architecture", type=Path, metavar="FILE", help="serve this document as it is now")
    what.add_argument("--store", metavar=STORE, help="serve the current version of a store, and follow it")
    store(parser)
    environment(parser)


def where(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--store",
        default="firestore",
        metavar=STORE,
        help="where versions are kept (default: firestore)",
    )
    place.add_argument(
        "--director_url", metavar="URL", help="ask a director that serves the store, instead of the store"
    )
    store(parser)
    environment(parser)


def import_(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the hub; the files it names come along")
    _adding(parser)


def export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where the files are written, as they were imported")
    _version(parser)
    where(parser)


def history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON lines")
    where(parser)


def show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", help="print this file of the version (default: what is known of the version)"
    )
    _version(parser)
    parser.add_argument("--json", action="store_true", help="print the version and all its texts as JSON")
    where(parser)


def diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="from_", type=_number, metavar="N", help="(default: the one before)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--to", type=_number, metavar="N", help="(default: the current one)")
    other.add_argument("--file", type=Path, help="what importing this file would change of the current one")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    where(parser)


def rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", type=_number, help="the version whose texts come back, as a new version")
    _adding(parser)


COMMANDS: dict[str, tuple[str, str, Fill]] = {
    "import": ("import_", "add a version from files; what does not load is refused", import_),
    "export": ("export", "write the files of a version", export),
    "history": ("history", "print who added which version, the newest first", history),
    "show": ("show", "print a version", show),
    "diff": ("diff", "print what one version changes of another; 1 where there is a difference", diff),
    "rollback": ("rollback", "add the texts of an old version once more", rollback),
}


def _adding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--comment", default="", metavar="TEXT", help="why; kept with the version")
    parser.add_argument(
        "--expected",
        type=_number_or_none,
        metavar="N",
        help="the version you know as current, 0 for none; refused where another is (default: whatever is)",
    )
    where(parser)


def _version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", type=_number, metavar="N", help="(default: the current one)")


def _number(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError("write the number of a version, such as 7")
    return int(text)


def _number_or_none(text: str) -> int:
    return 0 if text == "0" else _number(text)
