"""Where changes are written down before they are answered: a journal, or nowhere."""

from collections.abc import Callable, Iterable
from typing import ParamSpec, Protocol

from localcloud.journal import Journal

WORTH_COMPACTING = 64 << 20  # bytes

Arguments = ParamSpec("Arguments")


class Ledger(Protocol):
    def keep(self, record: Callable[Arguments, bytes], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Writes down `record(*args)`; records are only put together where they are kept."""

    def compact_if_large(self, everything: Callable[[], Iterable[bytes]]) -> None:
        """Replaces the records by those of `everything()` if they have become many."""

    def close(self) -> None: ...


class Forgetful:
    """Keeps nothing: state lives as long as the process."""

    def keep(self, record: Callable[Arguments, bytes], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        pass

    def compact_if_large(self, everything: Callable[[], Iterable[bytes]]) -> None:
        pass

    def close(self) -> None:
        pass


class Durable:
    """Keeps records in a journal, which may grow to twice what it last was compacted to, and to `smallest` bytes."""

    def __init__(self, journal: Journal, smallest: int = WORTH_COMPACTING) -> None:
        self._journal = journal
        self._smallest = smallest
        self._limit = 0  # so that the first chance, at start-up, compacts

    def keep(self, record: Callable[Arguments, bytes], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        self._journal.append(record(*args, **kwargs))

    def compact_if_large(self, everything: Callable[[], Iterable[bytes]]) -> None:
        if self._journal.size > self._limit:
            self._journal.rewrite(everything())
            self._limit = max(self._smallest, 2 * self._journal.size)

    def close(self) -> None:
        self._journal.close()
