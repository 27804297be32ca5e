"""`conductor COMMAND`: one tool for people, made of the commands that packages contribute.

Exit codes: 0 done, 1 a check found something or a service did not do as asked, 2 an input that cannot work, 130 Ctrl-C.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from itertools import takewhile

from director.conductor.commands import Commands
from director.conductor.endings import BAD_INPUT, OK, complain, ended

PROG = "conductor"
DEBUG = "--debug"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code. Raises SystemExit where argparse does: for --help, and with 2 for arguments it refuses."""
    words, debug = _without_debug(sys.argv[1:] if argv is None else argv)
    own = list(takewhile(lambda word: word.startswith("-"), words))
    frame = _frame()
    helped = frame.parse_args(own).help
    name, arguments = words[len(own) : len(own) + 1], words[len(own) + 1 :]
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("google.auth").setLevel(logging.ERROR)  # it warns of what we say better
    commands = Commands.installed()
    if helped or not name:
        return ended(lambda: _list(frame, commands, OK if helped else BAD_INPUT), debug)
    return ended(lambda: _run(commands, name[0], arguments), debug)


def _without_debug(words: Sequence[str]) -> tuple[list[str], bool]:
    """Where people think of it: before the command, behind it, or at the end."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != DEBUG]
    return [*kept, *words[end:]], len(kept) < end


def _frame() -> argparse.ArgumentParser:
    about = "Leads an IoT data platform: what it is made of, and what becomes of its data."
    frame = argparse.ArgumentParser(PROG, f"{PROG} [{DEBUG}] COMMAND ...", about, add_help=False)
    frame.add_argument("-h", "--help", action="store_true", help=f"this list; {PROG} COMMAND --help says more")
    frame.add_argument(DEBUG, action="store_true", help="show where an error came from; may stand anywhere")
    return frame


def _list(frame: argparse.ArgumentParser, commands: Commands, code: int) -> int:
    width = max(map(len, commands.names))
    lines = [f"  {name:{width}}  {commands.about(name)}" for name in commands.names]
    frame.epilog = "\n".join(["commands:", *lines, "", "exit codes: 0 done, 1 not as wanted, 2 bad input, 130 Ctrl-C"])
    frame.formatter_class = argparse.RawDescriptionHelpFormatter
    frame.print_help(sys.stdout if code == OK else sys.stderr)
    return code


def _run(commands: Commands, name: str, arguments: Sequence[str]) -> int:
    if name not in commands.names:
        return complain(BAD_INPUT, f"no command '{name}'; {commands.advice(name)}")
    parser = argparse.ArgumentParser(f"{PROG} {name}")
    commands.fill(name, parser)
    chosen = parser.parse_args(arguments)
    return int(chosen.command(chosen))
