"""Composite indexes of Firestore. Google mints their names, so one is found by what it is: its fields, in their order.

An index that is being built answers no query. So making one includes the time until it is ready, within a budget; what
takes longer goes on at Google, is told as not yet done, and is waited for again by the next apply.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.types import Index as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.firestore import Index
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted, fixed
from director.provisioning.clients import Clients
from director.provisioning.waiting import OperationFailed, Waiting
from director.resources.firestore import admin, database_needed, services_of

PAGE = 1_000
PATIENCE = Waiting()
READY = Message.State.READY.name
BROKEN = Message.State.NEEDS_REPAIR.name
NAME = "__name__"
OTHER = fixed("other fields are another index: declare that")
Fields = tuple[tuple[str, str], ...]  # path and mode, such as ("at", "DESCENDING") or ("tags", "CONTAINS")


def usable(live: str, wanted: str) -> Verdict | None:
    if live == wanted:
        return None
    return Verdict("update", "could not be built; is made again" if live == BROKEN else "is being built; wait for it")


@dataclass(frozen=True, slots=True)
class State:
    fields: Annotated[Fields, OTHER]
    query_scope: Annotated[str, OTHER] = "COLLECTION"
    state: Annotated[str, usable] = READY


def wanted(context: Context, spec: Index) -> Wanted[State]:
    fields = _without_usual_name((field.name, field.mode) for field in spec.fields)
    key = keys.index(context.project, spec.database, spec.collection, _spelled(fields, spec.query_scope))
    return Wanted(
        *key,
        State(fields, spec.query_scope),
        owner=None,
        needs=database_needed(context, spec.database),
        services=services_of(context, spec.collection, spec.database),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Indexes(admin(clients))


class Indexes:
    """Indexes through Google's client; the handle is what Google calls one."""

    def __init__(self, client: FirestoreAdminClient, waiting: Waiting = PATIENCE) -> None:
        self._client: Any = client
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        return self._listed(_group(wanted)).get(wanted.full_name)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        found: dict[str, Observed[State]] = {}
        for database in {_group(one).rpartition("/collectionGroups/")[0] for one in wanted}:
            found |= self._listed(f"{database}/collectionGroups/-")
        return found

    def create(self, wanted: Wanted[State]) -> None:
        """Returns when it is ready. Raises StillGoing after the budget."""
        request = {"parent": _group(wanted), "index": _message(wanted.state)}
        begun = self._client.create_index(request=request, retry=None, timeout=CALL_TIMEOUT)
        self._waiting.finished(begun, self._client.transport.operations_client, f"building {wanted.full_name}")

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        """Waits for one that is being built, and makes one again that could not be."""
        if observed.state.state == BROKEN:
            self._client.delete_index(name=observed.handle, retry=None, timeout=CALL_TIMEOUT)
            self.create(wanted)
            return
        self._waiting.until(lambda: self._ready(observed.handle), f"building {wanted.full_name}")

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """None: what it is made of are documents."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        found = self.observe(wanted)
        if found is not None:
            self._client.delete_index(name=found.handle, retry=None, timeout=CALL_TIMEOUT)

    def _listed(self, group: str) -> dict[str, Observed[State]]:
        """By the name that follows from what each is. A database that is not there yet has none."""
        request = {"parent": group, "page_size": PAGE}
        try:
            indexes = list(self._client.list_indexes(request=request, retry=None, timeout=CALL_TIMEOUT))
        except NotFound:
            return {}
        return {_key(each): _observed(each) for each in indexes if each.api_scope == Message.ApiScope.ANY_API}

    def _ready(self, name: str) -> bool:
        """Raises NotFound where it was deleted meanwhile."""
        state = self._client.get_index(name=name, retry=None, timeout=CALL_TIMEOUT).state.name
        if state == BROKEN:
            raise OperationFailed(f"building {name} failed; apply again to make it anew")
        return bool(state == READY)


def _observed(found: Any) -> Observed[State]:
    return Observed(State(_fields(found), found.query_scope.name, found.state.name), None, found.name)


def _key(found: Any) -> str:
    group = found.name.rpartition("/indexes/")[0]
    return f"{group}/indexes/{_spelled(_fields(found), found.query_scope.name)}"


def _group(wanted: Wanted[State]) -> str:
    return wanted.full_name.rpartition("/indexes/")[0]


def _fields(found: Any) -> Fields:
    return _without_usual_name((field.field_path, _mode(field)) for field in found.fields)


def _mode(field: Any) -> str:
    """Of modes that documents do not know, something that none of theirs equals."""
    return str(field.order.name if field.order else field.array_config.name if field.array_config else "another")


def _without_usual_name(fields: Iterable[tuple[str, str]]) -> Fields:
    """Firestore ends every index with the documents' name, in the direction of the field before it."""
    *kept, last = tuple(fields)
    usual = kept[-1][1] if kept and kept[-1][1] != "CONTAINS" else "ASCENDING"
    return tuple(kept) if last == (NAME, usual) else (*kept, last)


def _spelled(fields: Fields, scope: str) -> str:
    spelled = ",".join(f"{path}:{mode}" for path, mode in fields)
    return spelled if scope == "COLLECTION" else f"{spelled},{scope}"


def _message(state: State) -> Any:
    fields = [
        {"field_path": path, "array_config" if mode == "CONTAINS" else "order": mode} for path, mode in state.fields
    ]
    return Message(query_scope=state.query_scope, fields=fields)
