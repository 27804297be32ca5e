"""What a listener is told: the state of each target, then what every commit changes in it. Pure.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#listenresponse
"""

from collections.abc import Callable, Iterator
from typing import Any

from localcloud.firestore.database import Database, Entry
from localcloud.firestore.messages import ListenResponse, timestamp
from localcloud.firestore.names import document_path, parent_path
from localcloud.firestore.query import query
from localcloud.firestore.views import Present
from localcloud.rpc import invalid_argument

_NO_CHANGE, _ADD, _REMOVE, _CURRENT, _RESET = range(5)


class Watch:
    """One target: the documents or the query it is about, and what the listener knows of it."""

    def __init__(self, database: Database, target: Any) -> None:
        self.id = target.target_id
        self.resumed = target.WhichOneof("resume_type") is not None
        self._database = database
        self._known: dict[str, Entry] = {}
        self._names: list[str] = []
        kind = target.WhichOneof("target_type")
        if kind == "documents":
            self._names.extend(target.documents.documents)
            for name in self._names:
                document_path(name, database.name)
            self._found: Callable[[], list[Entry]] = self._documents
        elif kind == "query":
            asked = query(parent_path(target.query.parent, database.name), target.query.structured_query)
            self._found = lambda: asked.run(Present(database))
        else:
            raise invalid_argument("A target must have documents or a query.")

    def begun(self) -> Iterator[Any]:
        """What the listener is told first. A resumed one is told everything again, so it must forget what it knows."""
        yield change(_ADD, self.id)
        if self.resumed:
            yield change(_RESET, self.id)
        missing = [name for name in self._names if name not in self._database.entries]
        yield from (self._gone(name, self._database.now()) for name in missing)
        yield from self.news()
        yield change(_CURRENT, self.id, self._database.now())

    def news(self) -> Iterator[Any]:
        """What differs from what the listener knows."""
        found = {entry.name: entry for entry in self._found()}
        time = self._database.now()
        for name in self._known.keys() - found.keys():
            yield self._gone(name, time)
        for name, entry in found.items():
            if self._known.get(name) is not entry:
                response = ListenResponse()
                response.document_change.document.CopyFrom(entry.document)
                response.document_change.target_ids.append(self.id)
                yield response
        self._known = found

    def _documents(self) -> list[Entry]:
        entries = (self._database.entries.get(name) for name in self._names)
        return [entry for entry in entries if entry]

    def _gone(self, name: str, time: int) -> Any:
        """A document is deleted, or only no longer a result."""
        response = ListenResponse()
        part = response.document_remove if name in self._database.entries else response.document_delete
        part.document = name
        part.removed_target_ids.append(self.id)
        part.read_time.CopyFrom(timestamp(time))
        return response


def change(kind: int, target: int | None = None, time: int | None = None) -> Any:
    """A TargetChange of one target, or of all; with a time it can be resumed from there."""
    response = ListenResponse()
    response.target_change.target_change_type = kind
    if target is not None:
        response.target_change.target_ids.append(target)
    if time is not None:
        response.target_change.resume_token = time.to_bytes(8, "big")
        response.target_change.read_time.CopyFrom(timestamp(time))
    return response


def removed(target: int) -> Any:
    return change(_REMOVE, target)


def consistent(time: int) -> Any:
    """All that was told so far is the state of one time."""
    return change(_NO_CHANGE, None, time)
