"""Leases on pulled messages, renewed on a thread of their own while a run goes on."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from beam_jobs.errors import RetryLater
from beam_jobs.subscription import Subscription

log = logging.getLogger(__name__)

LEASE_SECONDS = 60


@contextmanager
def held(subscription: Subscription, ack_ids: Sequence[str], every: float = LEASE_SECONDS / 3) -> Iterator[None]:
    """Keeps `ack_ids` on loan as long as the block runs, first at once: the own deadline may be short."""
    done = threading.Event()

    def renew() -> None:
        while True:
            _extend(subscription, ack_ids, LEASE_SECONDS)
            if done.wait(every):
                return

    thread = threading.Thread(target=renew, name="leases", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        done.set()
        thread.join()
        _extend(subscription, ack_ids, 0)  # given back, so that nobody waits for the leases to end
        raise
    done.set()
    thread.join()


def _extend(subscription: Subscription, ack_ids: Sequence[str], seconds: int) -> None:
    try:
        subscription.extend(ack_ids, seconds)
    except Exception as error:  # a lost lease means a message delivered twice, a dead thread means all of them
        level = logging.WARNING if isinstance(error, RetryLater) else logging.ERROR
        log.log(level, "cannot extend %d leases, these messages may come twice: %s", len(ack_ids), error)
