"""Which commands there are: those of the conductor itself, and those that installed packages contribute.

A package contributes one by an entry point of the group `conductor.commands`, a function `(ArgumentParser) -> None`.
Its module is imported only when the command is run, or listed.
"""

import argparse
import difflib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Self

from director.conductor.missing import advice_for

GROUP = "conductor.commands"
OWN_NAMES = ("apply", "check", "drift", "history", "plan", "teardown", "verify")
OWN = tuple(EntryPoint(name, f"director.conductor.own:{name}", GROUP) for name in OWN_NAMES)


class Unloadable(Exception):
    """A command that is there by name only; `why` says what to do about it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"'{name}' cannot be loaded: {why}")
        self.why = why


class Commands:
    """Commands by name, none of them imported yet."""

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        self._entries: Mapping[str, list[EntryPoint]] = {}
        for entry in entries:
            alike = self._entries.setdefault(entry.name, [])
            if entry.value not in [other.value for other in alike]:
                alike.append(entry)

    @classmethod
    def installed(cls) -> Self:
        return cls((*OWN, *entry_points(group=GROUP)))

    @property
    def names(self) -> list[str]:
        return sorted(self._entries)

    def advice(self, unknown: str) -> str:
        near = difflib.get_close_matches(unknown, self.names, n=1)
        return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(self.names)}"

    def fill(self, name: str, parser: argparse.ArgumentParser) -> None:
        """Lets the command of this name set up its parser. Raises Unloadable."""
        entry, *others = self._entries[name]
        if others:
            values = ", ".join(one.value for one in (entry, *others))
            raise Unloadable(name, f"it is contributed more than once ({values}); uninstall one of these packages")
        try:
            entry.load()(parser)
        except (Exception, SystemExit) as error:  # whatever a module of somebody else raises when it is imported
            raise Unloadable(name, advice_for(error, entry)) from error

    def about(self, name: str) -> str:
        """One line; of a command that cannot be loaded, why not."""
        parser = argparse.ArgumentParser(name)
        try:
            self.fill(name, parser)
        except Unloadable as error:
            return f"(cannot be loaded: {error.why})"
        return (parser.description or "(says nothing of itself)").strip().splitlines()[0]
