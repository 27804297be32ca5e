"""A cloud in memory that counts what is done to it, and directors that die in it."""

from collections.abc import Callable
from typing import Any

from google.api_core.exceptions import AlreadyExists, Conflict, NotFound

from director.documents.kinds import kinds
from director.documents.loading import Blueprint
from director.keys import Key
from director.provisioning.base import Holding, Observed, Providers, Wanted, owner_in

Strike = Callable[[str, Key, str], None]


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing after this line runs."""


class Shelf:
    """A provider that keeps one kind in memory; `strike` is asked before and after every effect."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def observe(self, wanted: Wanted[Any]) -> Observed[Any] | None:
        self._world.strike("observe", wanted.key, "before")
        state = self._world.things.get(wanted.key)
        if state is None:
            return None
        return Observed(state, owner_in(state.labels) if hasattr(state, "labels") else None)

    def create(self, wanted: Wanted[Any]) -> None:
        self._world.strike("create", wanted.key, "before")
        if wanted.key in self._world.things:
            raise AlreadyExists(f"{wanted.full_name} exists")
        self._world.things[wanted.key] = wanted.state
        self._world.created.append(wanted.key)
        self._world.strike("create", wanted.key, "after")

    def update(self, wanted: Wanted[Any], observed: Observed[Any], fields: frozenset[str]) -> None:
        self._world.strike("update", wanted.key, "before")
        self._world.things[wanted.key] = wanted.state
        self._world.updated.append((wanted.key, fields))
        self._world.strike("update", wanted.key, "after")

    def holding(self, wanted: Wanted[Any], going: frozenset[str]) -> Holding | None:
        self._world.strike("holding", wanted.key, "before")
        return self._world.data.get(wanted.key)

    def delete(self, wanted: Wanted[Any], data: bool = False) -> None:
        self._world.strike("delete", wanted.key, "before")
        if wanted.key not in self._world.things:
            raise NotFound(f"{wanted.full_name} does not exist")
        if wanted.key in self._world.data and not data:
            raise Conflict(f"{wanted.full_name} is not empty")
        del self._world.things[wanted.key]
        self._world.deleted.append(wanted.key)
        self._world.strike("delete", wanted.key, "after")


class World:
    """Everything there is, and what was done to it."""

    def __init__(self) -> None:
        self.things: dict[tuple[str, str], Any] = {}
        self.created: list[tuple[str, str]] = []
        self.updated: list[tuple[tuple[str, str], frozenset[str]]] = []
        self.deleted: list[tuple[str, str]] = []
        self.data: dict[tuple[str, str], Holding] = {}  # what things hold
        self.strike: Callable[[str, tuple[str, str], str], None] = lambda call, key, when: None

    def provide(self, blueprint: Blueprint) -> dict[str, Shelf]:
        return self.providers()

    def providers(self) -> dict[str, Shelf]:
        return {kind: Shelf(self) for kind in kinds()}


class Mortal:
    """A provider, or a ledger, of a process that `strike` may end before and after each call."""

    def __init__(self, inner: Any, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def struck(*arguments: Any) -> Any:
            key = getattr(arguments[0], "key", ("", "")) if arguments else ("", "")
            self._strike(name, key, "before")
            answer = call(*arguments)
            self._strike(name, key, "after")
            return answer

        return struck


class Death:
    """Ends the process at its call of this number, from 0: nothing gets through from then on."""

    def __init__(self, last: int) -> None:
        self.calls = 0
        self._last = last

    def __call__(self, call: str, key: Key, when: str) -> None:
        self.calls += 1
        if self.calls > self._last:
            raise Killed


def always(providers: Providers) -> Callable[[Blueprint], Providers]:
    """The same for every blueprint."""
    return lambda blueprint: providers


def mortal(providers: Providers, strike: Strike) -> Providers:
    return {kind: Mortal(provider, strike) for kind, provider in providers.items()}
