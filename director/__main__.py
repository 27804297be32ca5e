"""The director's command line: `python -m director serve|check|schema|api-key|plan|apply|...`; see `--help`."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from director.arguments import COMMANDS, journal
from director.documents.loading import load
from director.documents.model import architecture
from director.exits import exit_code
from director.rest import access
from director.shapes import json_schema

Command = Callable[[argparse.Namespace], bool]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("google.auth").setLevel(logging.ERROR)  # it warns of what we say better
    command: Command = arguments.command
    return exit_code(lambda: command(arguments))


def check(arguments: argparse.Namespace) -> bool:
    names = load(arguments.file).architecture.dataflows
    print(f"{arguments.file}: {len(names)} dataflow{'s' if len(names) != 1 else ''}, no problems")
    return True


def schema(arguments: argparse.Namespace) -> bool:
    print(json.dumps(json_schema(architecture()), indent=2))
    return True


def api_key(arguments: argparse.Namespace) -> bool:
    """The key goes to standard output alone, so that it can be piped to where it is kept."""
    from director.safety.api_keys import minted

    key, line = minted(arguments.name)
    print(key)
    print(line, file=sys.stderr)
    return True


def _with_clients(name: str) -> Command:
    """The action of that name; what needs no client need not wait for their import."""

    def run(arguments: argparse.Namespace) -> bool:
        from director import actions

        action: Command = getattr(actions, name)
        return action(arguments)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m director", description=str(__doc__).splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = partial(_add, commands)
    serving = add("serve", _with_clients("serve"), "answer services and people over REST")
    serving.add_argument("--architecture", type=Path, required=True, metavar="FILE")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    serving.add_argument("--apply", action="store_true", help="apply every dataflow before answering")
    journal(serving)
    access.add_arguments(serving)
    add("check", check, "print every problem of a document").add_argument("file", type=Path)
    add("schema", schema, "print the JSON Schema of documents, for editors")
    making = add("api-key", api_key, "make an API key, and the line of a key file that knows it")
    making.add_argument("name", help="whose it is, as the policy calls them")
    for name, (about, fill) in COMMANDS.items():
        fill(add(name, _with_clients(name), about))
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
