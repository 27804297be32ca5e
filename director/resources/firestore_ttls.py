"""TTL policies of Firestore: a field whose moment, once it has passed, lets documents be deleted.

A policy holds for new documents as soon as it is taken; those there already follow in Firestore's own time, for which
nobody waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.types import Field as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.firestore import Ttl
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted
from director.provisioning.clients import Clients
from director.provisioning.waiting import Waiting
from director.resources.firestore import admin, database_needed, services_of

PAGE = 1_000
PATIENCE = Waiting()
WITH_TTL = "ttlConfig:*"
BROKEN = Message.TtlConfig.State.NEEDS_REPAIR.name
ACTIVE = Message.TtlConfig.State.ACTIVE.name


def in_force(live: str, wanted: str) -> Verdict | None:
    return Verdict("update", "does not hold for all documents; is set again") if live == BROKEN else None


@dataclass(frozen=True, slots=True)
class State:
    state: Annotated[str, in_force] = ACTIVE


def wanted(context: Context, spec: Ttl) -> Wanted[State]:
    return Wanted(
        *keys.ttl(context.project, spec.database, spec.collection, spec.field),
        State(),
        owner=None,
        needs=database_needed(context, spec.database),
        services=services_of(context, spec.collection, spec.database),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Ttls(admin(clients))


class Ttls:
    """Policies through Google's client. The settings of a field beside its policy are left alone."""

    def __init__(self, client: FirestoreAdminClient, waiting: Waiting = PATIENCE) -> None:
        self._client: Any = client
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_field(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:  # its database is not there yet
            return None
        return _observed(found) if "ttl_config" in found else None

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for database in {name.partition("/collectionGroups/")[0] for name in names}:
            found |= {each.name: _observed(each) for each in self._listed(database) if each.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        self._set(Message(name=wanted.full_name, ttl_config=Message.TtlConfig()))

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        self._set(Message(name=wanted.full_name, ttl_config=observed.handle))

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """None: without it documents stay."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Returns when no document goes by it any more."""
        begun = self._set(Message(name=wanted.full_name))
        what = f"removing {wanted.full_name}"
        self._waiting.finished(begun, self._client.transport.operations_client, what)

    def _set(self, field: Any) -> Any:
        request = {"field": field, "update_mask": {"paths": ["ttl_config"]}}
        return self._client.update_field(request=request, retry=None, timeout=CALL_TIMEOUT)

    def _listed(self, database: str) -> list[Any]:
        request = {"parent": f"{database}/collectionGroups/-", "filter": WITH_TTL, "page_size": PAGE}
        try:
            return list(self._client.list_fields(request=request, retry=None, timeout=CALL_TIMEOUT))
        except NotFound:
            return []


def _observed(found: Any) -> Observed[State]:
    """The handle is the policy as it is, with what documents do not say of one."""
    return Observed(State(found.ttl_config.state.name), None, found.ttl_config)
