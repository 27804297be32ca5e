"""The director's command line: `python -m director serve|check|schema|api-key|plan|apply|...`; see `--help`."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from director.arguments import COMMANDS, document, grants, journal
from director.documents import json_schemas
from director.documents.loading import load
from director.documents.origins import leaves
from director.exits import exit_code
from director.rest import access
from director.strict import printable
from director.versions import arguments as versions

Command = Callable[[argparse.Namespace], bool]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("google.auth").setLevel(logging.ERROR)  # it warns of what we say better
    command: Command = arguments.command
    return exit_code(lambda: command(arguments))


def check(arguments: argparse.Namespace) -> bool:
    names = load(arguments.file, arguments.environment).architecture.dataflows
    print(f"{arguments.file}: {len(names)} dataflow{'s' if len(names) != 1 else ''}, no problems")
    return True


def schema(arguments: argparse.Namespace) -> bool:
    print(json.dumps(json_schemas.dataflow() if arguments.dataflow else json_schemas.hub(), indent=2))
    return True


def show(arguments: argparse.Namespace) -> bool:
    found = list(leaves(load(arguments.file, arguments.environment)))
    if arguments.json:
        print(json.dumps([leaf.to_json() for leaf in found], indent=2))
    for leaf in found if not arguments.json else ():
        print(printable(str(leaf)))
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


def _with_store(name: str) -> Command:
    """The same of what is done with versions."""

    def run(arguments: argparse.Namespace) -> bool:
        from director import config_actions

        action: Command = getattr(config_actions, name)
        return action(arguments)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m director", description=str(__doc__).splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = partial(_add, commands)
    serving = add("serve", _with_clients("serve"), "answer services and people over REST")
    versions.serving(serving)
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    serving.add_argument("--apply", action="store_true", help="apply every dataflow before answering")
    grants(serving)
    journal(serving)
    access.add_arguments(serving)
    document(add("check", check, "print every problem of a document and of the files it names"))
    showing = add("show", show, "print each value as it is used, and the line it comes from")
    document(showing)
    showing.add_argument("--json", action="store_true", help="print it as JSON")
    describing = add("schema", schema, "print the JSON Schema of documents, for editors")
    describing.add_argument("--dataflow", action="store_true", help="that of a file which holds one dataflow")
    making = add("api-key", api_key, "make an API key, and the line of a key file that knows it")
    making.add_argument("name", help="whose it is, as the policy calls them")
    for name, (about, fill) in COMMANDS.items():
        fill(add(name, _with_clients(name), about))
    about = "versions of the architecture in a store: add, look at, compare, take back"
    keeping = commands.add_parser("config", help=about, description=about)
    kept = keeping.add_subparsers(required=True, metavar="COMMAND")
    for name, (action, about, fill) in versions.COMMANDS.items():
        fill(_add(kept, name, _with_store(action), about))
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
