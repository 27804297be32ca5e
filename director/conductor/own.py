"""The conductor's own commands: what a document says, against what there is."""

import argparse
from collections.abc import Callable

from director.arguments import COMMANDS, document
from director.conductor.endings import FAILED, OK

Action = Callable[[argparse.Namespace], bool]


def check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print every problem of an architecture document."
    document(parser)
    parser.set_defaults(command=_check)


def plan(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "plan")


def apply(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "apply")


def verify(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "verify")


def drift(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "drift")


def teardown(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "teardown")


def history(parser: argparse.ArgumentParser) -> None:
    _on_resources(parser, "history")


def _on_resources(parser: argparse.ArgumentParser, action: str) -> None:
    about, fill = COMMANDS[action]
    parser.description = f"{about[0].upper()}{about[1:]}."
    fill(parser)
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
