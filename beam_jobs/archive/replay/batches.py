"""What is sent together: a batch is sent, confirmed and recorded before the one behind it is sent."""

from collections import deque
from collections.abc import Iterator, Sequence

from beam_jobs.archive.replay.merging import LATEST, Piece

MESSAGES, BYTES = 10_000, 16_000_000  # of a batch: what a crash may send twice


class Batches:
    """Runs of pieces, cut anew."""

    def __init__(self, runs: Iterator[list[Piece]], messages: int = MESSAGES, octets: int = BYTES) -> None:
        self._runs = runs
        self._messages, self._octets = messages, octets
        self._pieces: deque[Piece] = deque()

    def first(self) -> bytes | None:
        """The event time of the next message, None where there is none any more."""
        known = next((piece[0] for piece in self._pieces if piece[3] is not None), None)
        while known is None:
            run = next(self._runs, None)
            if run is None:
                return None
            self._pieces += run
            known = next((piece[0] for piece in run if piece[3] is not None), None)
        return known

    def take(self, until: bytes = LATEST) -> Sequence[Piece]:
        """What happened up to then, as much as a batch holds; a message alone may be larger."""
        batch: list[Piece] = []
        octets = 0
        while len(batch) < self._messages and (self._pieces or self._more()):
            piece = self._pieces[0]
            octets += len(piece[3] or b"")
            if piece[0] > until or (batch and octets > self._octets):
                break
            batch.append(self._pieces.popleft())
        return batch

    def _more(self) -> bool:
        """False at the end; a run has pieces."""
        self._pieces += next(self._runs, ())
        return bool(self._pieces)
