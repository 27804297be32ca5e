"""Where claims are kept: in Firestore, or in a file for one machine."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.api_core.exceptions import Aborted
from google.cloud import firestore

from director.errors import Misconfigured
from director.iam.claims import Claim, Claimed, Edit
from director.keys import Key
from director.provisioning.base import CALL_TIMEOUT

COLLECTION = "director_iam"
ATTEMPTS = 20  # of a transaction that others cross


class FirestoreClaims:
    """A document for each resource."""

    def __init__(self, client: firestore.Client, collection: str = COLLECTION) -> None:
        self._client = client
        self._collection = client.collection(collection)

    def all(self) -> Mapping[Key, Claimed]:
        found = self._collection.stream(timeout=CALL_TIMEOUT)
        return dict(_parsed(document.to_dict(), document.reference.path) for document in found)

    def change(self, resource: Key, edit: Edit) -> Claimed:
        reference: Any = self._collection.document(hashlib.sha256(json.dumps(resource).encode()).hexdigest())

        def change(transaction: Any) -> Claimed:
            held = reference.get(transaction=transaction, timeout=CALL_TIMEOUT)
            old = _parsed(held.to_dict(), reference.path)[1] if held.exists else {}
            new = edit(old)
            if not new:
                transaction.delete(reference)
            elif new != old:
                transaction.set(reference, {"kind": resource[0], "name": resource[1], "claims": _rows(new)})
            return new

        try:
            claimed: Claimed = firestore.transactional(change)(self._client.transaction(max_attempts=ATTEMPTS))
        except ValueError as error:  # how the client says that others crossed every attempt
            raise Aborted(f"the claims on {' '.join(resource)} are changed by others all the time: {error}") from error
        return claimed


class FileClaims:
    """One JSON file, for one machine; it is replaced whole, under a lock beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> Mapping[Key, Claimed]:
        with self._alone():
            return self._read()

    def change(self, resource: Key, edit: Edit) -> Claimed:
        with self._alone():
            everything = self._read()
            new = edit(everything.pop(resource, {}))
            if new:
                everything[resource] = new
            self._write(everything)
            return new

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_name(f"{self._path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file ends it
            yield

    def _read(self) -> dict[Key, Claimed]:
        if not self._path.exists():
            return {}
        try:
            rows = list(json.loads(self._path.read_text()))
        except (TypeError, ValueError) as error:
            raise _unreadable(str(self._path), error) from error
        return dict(_parsed(row, str(self._path)) for row in rows)

    def _write(self, everything: Mapping[Key, Claimed]) -> None:
        rows = [{"kind": kind, "name": name, "claims": _rows(of)} for (kind, name), of in sorted(everything.items())]
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w") as file:
            file.write(json.dumps(rows, indent=1))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _parsed(row: Any, where: str) -> tuple[Key, Claimed]:
    try:
        claims = {
            (one["role"], one["member"]): Claim(one["ours"] is True, frozenset(one["by"])) for one in row["claims"]
        }
        return (row["kind"], row["name"]), claims
    except (KeyError, TypeError) as error:
        raise _unreadable(where, error) from error


def _unreadable(where: str, error: Exception) -> Misconfigured:
    advice = "restore it, or delete it: the director then takes what it granted there for another's"
    return Misconfigured(f"{where} is not as the director writes it ({type(error).__name__}: {error}); {advice}")


def _rows(claimed: Claimed) -> list[dict[str, Any]]:
    return [
        {"role": role, "member": member, "ours": claim.ours, "by": sorted(claim.by)}
        for (role, member), claim in sorted(claimed.items())
    ]
