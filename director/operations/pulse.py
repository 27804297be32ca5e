"""What shows others that an operation is alive: a thread that renews its lease and keeps what has become of it."""

import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from director.errors import DirectorError
from director.operations.store import OperationStore, Pulse
from director.strict import printable

SECONDS = 30.0  # after a crash an operation is told as running for this long
BEATS = 10  # in the time of a lease; each is also a look whether somebody wants it cancelled
STEPS_EVERY = 1.0  # seconds between two writes of what has become of resources

log = logging.getLogger(__name__)


class Heartbeat:
    """From entry to exit. `news` takes the steps that are not kept yet, `heard` is told what the store answers.

    A store that does not answer costs no operation anything: its steps are kept with the next beat, and at the end.
    """

    def __init__(
        self,
        store: OperationStore,
        operation: str,
        seconds: float,
        news: Callable[[], Sequence[str]],
        heard: Callable[[Pulse], None],
    ) -> None:
        self._store = store
        self._operation = operation
        self._seconds = seconds
        self._news = news
        self._heard = heard
        self._unkept: tuple[str, ...] = ()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat {operation}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        every = min(STEPS_EVERY, self._seconds / BEATS)
        quiet = 0.0  # seconds without a beat
        while not self._over.wait(every):
            quiet += every
            self._unkept += tuple(self._news())
            if (self._unkept or quiet >= self._seconds / BEATS) and self._beat():
                quiet = 0.0

    def _beat(self) -> bool:
        try:
            pulse = self._store.beat(self._operation, self._unkept, self._seconds)
        except DirectorError as error:
            log.warning("%s shows no sign of life: %s", self._operation, printable(str(error)))
            return False
        self._unkept = ()
        self._heard(pulse)
        return True
