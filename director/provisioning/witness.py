"""Who is told of each effect before it happens and after, and may forbid it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from director.ledger.ledger import Effect
from director.provisioning.base import Wanted

Permit = Callable[[], None]  # asked right before each call; raises where it must not be made


class Witness(Protocol):
    """Raises on entry where the effect must not happen at all; what is raised inside is its outcome."""

    def effect(self, action: Effect, wanted: Wanted[Any]) -> AbstractContextManager[Permit]: ...


class Unwitnessed:
    """Nobody keeps a journal: for tests and for worlds that end with the process."""

    @contextmanager
    def effect(self, action: Effect, wanted: Wanted[Any]) -> Iterator[Permit]:
        yield lambda: None


UNWITNESSED = Unwitnessed()
