"""The journal of one operation: each intent before its call, each outcome after it."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from director.errors import Rejected, Superseded, Unavailable
from director.keys import Key
from director.ledger.leases import Lease
from director.ledger.ledger import Effect, Entry, Ledger, Phase, Record, written_at
from director.provisioning.base import Observed, Wanted
from director.provisioning.fingerprints import fingerprint
from director.provisioning.witness import Permit

log = logging.getLogger(__name__)


class Journal:
    """What an operation does, under its lease. May be shared by threads that work on different resources."""

    def __init__(
        self,
        ledger: Ledger,
        lease: Lease,
        operation: str,
        who: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._lease = lease
        self._operation = operation
        self._who = who
        self._now = now
        self._entries = dict(ledger.entries(lease.scope))
        self._written = 0
        self._numbering = threading.Lock()

    @property
    def entries(self) -> Mapping[Key, Entry]:
        return self._entries

    @contextmanager
    def effect(self, action: Effect, wanted: Wanted[Any]) -> Iterator[Permit]:
        """Raises Superseded, Unavailable or Rejected where the intent cannot be written: then there is no effect.

        An error inside is the outcome. What is no Exception ends the process, which has no time for a journal.
        """
        intent = self._intend(action, wanted)
        try:
            yield self._lease.check
        except Superseded:
            raise  # others write now; they will explain it
        except Exception as error:
            self._conclude(intent, "failed", f"{type(error).__name__}: {error}")
            raise
        self._conclude(intent, "done")

    def adopt(self, wanted: Wanted[Any]) -> None:
        """From now on this counts as made by us, since somebody says so."""
        entry = self._entries.get(wanted.key, Entry())
        detail = "adopted as it was found"
        self._write(
            self._record(wanted.key, "create", "explained", fingerprint(wanted.state), detail),
            replace(entry, made=True),
        )

    def keep(self, applied: str) -> None:
        """What was applied whole. Raises Superseded, Unavailable, Rejected."""
        self._ledger.keep(self._lease.scope, self._lease.token, applied)

    def explain(self, observed: Mapping[Key, Observed[Any] | None], document: Collection[Key]) -> None:
        """Closes what earlier runs began and never concluded, by what is there now.

        What is in the `document`, but was not observed, is left to a run that looks at it.
        """
        for key, entry in list(self._entries.items()):
            if not entry.pending or (key in document and key not in observed):
                continue
            if key not in observed:
                detail, made = "no longer in the document, so not looked at", entry.made
            elif observed[key] is None:
                detail, made = "found not there", False
            else:
                detail, made = "found there", entry.made
            outcome = self._record(key, entry.action, "explained", entry.wanted, detail, entry.pending)
            self._write(outcome, replace(entry, made=made, pending=""))

    def _intend(self, action: Effect, wanted: Wanted[Any]) -> Record:
        self._lease.check()
        entry = self._entries.get(wanted.key, Entry())
        intent = self._record(wanted.key, action, "intent", fingerprint(wanted.state))
        made = entry.made or action == "create"
        self._write(intent, replace(entry, made=made, pending=intent.id, action=action))
        return intent

    def _conclude(self, intent: Record, phase: Phase, detail: str = "") -> None:
        """The effect is there already, so a journal that cannot be written does not undo it: the next run explains.

        Raises Superseded.
        """
        entry = replace(self._entries[intent.key], pending="")
        if phase == "done":
            gone = intent.action == "delete"
            entry = replace(entry, made=entry.made and not gone, wanted="" if gone else intent.wanted)
        outcome = self._record(intent.key, intent.action, phase, intent.wanted, detail, intent.id)
        try:
            self._write(outcome, entry)
        except (Unavailable, Rejected) as error:
            log.warning("the outcome of %s on %s is not in the journal: %s", intent.action, intent.name, error)

    def _record(
        self, key: Key, action: Effect, phase: Phase, wanted: str, detail: str = "", intent: str = ""
    ) -> Record:
        with self._numbering:
            self._written += 1
            number = self._written
        name = f"{self._lease.token:08}-{number:06}-{phase}"
        at = written_at(self._now())
        token = self._lease.token
        return Record(name, self._operation, *key, action, phase, wanted, token, self._who, at, detail, intent)

    def _write(self, record: Record, entry: Entry) -> None:
        self._ledger.append(self._lease.scope, record, entry)
        self._entries[record.key] = entry
