"""The conductor's own commands: what a document says, against what there is."""

import argparse
from collections.abc import Callable
from pathlib import Path

from director.conductor.endings import FAILED, OK

Action = Callable[[argparse.Namespace], bool]


def check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print every problem of an architecture document."
    parser.add_argument("file", type=Path)
    parser.set_defaults(command=_check)


def plan(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "plan", "Print what apply would do; changes nothing.")


def apply(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "apply", "Create and update what a document wants.")


def verify(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "verify", "Print what is not as a document wants it; changes nothing.")


def _on_resources(parser: argparse.ArgumentParser, action: str, about: str) -> None:
    parser.description = about
    parser.add_argument("file", type=Path)
    parser.add_argument("--dataflow", help="only this one (default: all)")
    parser.set_defaults(command=lambda arguments: _act(action, arguments))


def _check(arguments: argparse.Namespace) -> int:
    from director.__main__ import check as checked

    return _code(checked(arguments))


def _act(name: str, arguments: argparse.Namespace) -> int:
    from director import actions  # with Google's clients, which take long to import

    action: Action = getattr(actions, name)
    return _code(action(arguments))


def _code(as_wanted: bool) -> int:
    return OK if as_wanted else FAILED
