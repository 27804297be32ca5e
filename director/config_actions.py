"""What `python -m director config` does, with the store at hand."""

import getpass
import json
import os
import socket
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from director.errors import Misconfigured
from director.stores import check_comment, opened
from director.strict import printable
from director.versions import changes
from director.versions.diff import diff as difference
from director.versions.documents import gathered, write
from director.versions.version import Added, Version, Versions

PAGE = 100


def import_(arguments: Namespace) -> bool:
    contents = gathered(arguments.file)
    added = Added(_person(), check_comment(arguments.comment))
    with opened(arguments, new=True) as versions:
        version, new = changes.add(versions, contents, arguments.expected, added, arguments.environment)
    _say(f"version {version.number} is current" if new else f"version {version.number} has these texts already")
    return True


def export(arguments: Namespace) -> bool:
    with opened(arguments) as versions:
        contents = versions.contents(_asked(versions, arguments.version).number)
    write(contents, arguments.folder)
    for name in contents.names:
        _say(str(arguments.folder / name))
    return True


def history(arguments: Namespace) -> bool:
    with opened(arguments) as versions:
        for version in _all(versions):
            _say(json.dumps(asdict(version)) if arguments.json else _line(version))
    return True


def show(arguments: Namespace) -> bool:
    with opened(arguments) as versions:
        version = _asked(versions, arguments.version)
        contents = versions.contents(version.number)
    if arguments.file is not None:
        if arguments.file not in contents.texts:
            raise Misconfigured(f"version {version.number} has no file {arguments.file!r}; see show without one")
        sys.stdout.write(contents.texts[arguments.file])
        return True
    if arguments.json:
        texts = {name: contents.texts[name] for name in contents.names}
        _say(json.dumps({"version": asdict(version), "files": texts}, indent=2), safe=True)
        return True
    _say(_line(version))
    _say(f"sha256 {version.sha256}")
    for name in contents.names:
        _say(f"{len(contents.texts[name].encode()):>9,} bytes  {name}")
    return True


def diff(arguments: Namespace) -> bool:
    """False where there is a difference."""
    with opened(arguments) as versions:
        if arguments.file is not None:
            old = versions.contents(_asked(versions, arguments.from_).number)
            new = gathered(arguments.file)
        else:
            to = _asked(versions, arguments.to).number
            old, new = (versions.contents(number) for number in (arguments.from_ or max(1, to - 1), to))
    found = difference(old, new, arguments.environment)
    if arguments.json:
        _say(json.dumps(found.to_json(), indent=2), safe=True)
    else:
        for line in str(found).split("\n"):  # at line feeds alone: other ends of lines may be what differs
            _say(line)
    return not found.files


def rollback(arguments: Namespace) -> bool:
    added = Added(_person(), check_comment(arguments.comment), arguments.version)
    with opened(arguments) as versions:
        version, new = changes.roll_back(versions, arguments.version, arguments.expected, added, arguments.environment)
    how = "is current, with" if new else "is current and has"
    _say(f"version {version.number} {how} the texts of {arguments.version}")
    return True


def _asked(versions: Versions, number: int | None) -> Version:
    """Raises Unknown or Misconfigured."""
    found = versions.current() if number is None else versions.find(number)
    if found is None:
        raise Misconfigured("the store has no version yet; add one with `python -m director config import FILE`")
    return found


def _all(versions: Versions) -> Iterator[Version]:
    before: int | None = None
    while page := versions.page(before, PAGE):
        yield from page
        before = page[-1].number


def _line(version: Version) -> str:
    restored = f" (the texts of {version.restores})" if version.restores else ""
    comment = f": {version.comment}" if version.comment else ""
    return f"{version.number:>5}  {version.at}  {version.sha256[:12]}  {version.who}{restored}{comment}"


def _person() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _say(line: str, safe: bool = False) -> None:
    """What JSON escapes already is `safe`."""
    print(line if safe else printable(line), flush=True)  # noqa: T201
