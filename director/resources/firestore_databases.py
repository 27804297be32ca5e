"""Firestore databases. They carry no labels: whose one is, only the journal knows, as with collections.

One is deleted only where somebody confirmed the loss by name; then its delete protection is switched off first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from google.api_core.exceptions import AlreadyExists, NotFound, ServiceUnavailable
from google.cloud import firestore
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.types import Database as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.firestore import MULTI_REGIONS, Database
from director.ledger.firestore import COLLECTION as OWN
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Wanted, fixed
from director.provisioning.clients import Clients
from director.provisioning.waiting import Waiting
from director.resources.firestore import admin
from director.resources.rules import without_version

ANEW = "use another name, or export the documents and import them into a new database"
TYPES = {"NATIVE": Message.DatabaseType.FIRESTORE_NATIVE, "DATASTORE_MODE": Message.DatabaseType.DATASTORE_MODE}
PATIENCE = Waiting()
_NAMES = {value: name for name, value in TYPES.items()}
_PROTECTION = Message.DeleteProtectionState
_RECOVERY = Message.PointInTimeRecoveryEnablement
_MASK = {
    "delete_protection": "delete_protection_state",
    "point_in_time_recovery": "point_in_time_recovery_enablement",
}


@dataclass(frozen=True, slots=True)
class State:
    location_id: Annotated[str, fixed(ANEW)]
    type: Annotated[str, fixed(ANEW)] = "NATIVE"
    kms_key_name: Annotated[str | None, fixed(ANEW)] = None
    delete_protection: bool = True
    point_in_time_recovery: bool = False


def wanted(context: Context, spec: Database) -> Wanted[State]:
    location = context.architecture.location
    state = State(
        location_id=spec.location_id or MULTI_REGIONS.get(location, location),
        type=spec.type,
        kms_key_name=spec.kms_key_name,
        delete_protection=spec.delete_protection,
        point_in_time_recovery=spec.point_in_time_recovery,
    )
    key = keys.database(context.project, spec.name)
    return Wanted(*key, state, owner=None, services=context.services(spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Databases(admin(clients), clients.database)


class Databases:
    """Databases through Google's clients: what `admin` begins is waited for. `documents` opens one by its id."""

    def __init__(
        self,
        admin: FirestoreAdminClient,
        documents: Callable[[str], firestore.Client],
        waiting: Waiting = PATIENCE,
    ) -> None:
        self._admin: Any = admin
        self._documents = documents
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        found = self._found(wanted.full_name)
        return None if found is None else _observed(found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for project in {name.rpartition("/databases/")[0] for name in names}:
            answer = self._admin.list_databases(parent=project, retry=None, timeout=CALL_TIMEOUT)
            if answer.unreachable:
                raise ServiceUnavailable(f"Firestore does not answer in {', '.join(answer.unreachable)}")
            found |= {each.name: _observed(each) for each in answer.databases if each.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        """Returns when it can be used. One that an earlier run began is waited for, and then looked at again."""
        parent, _, identifier = wanted.full_name.rpartition("/databases/")
        request = {"parent": parent, "database_id": identifier, "database": _message(wanted)}
        try:
            begun = self._admin.create_database(request=request, retry=None, timeout=CALL_TIMEOUT)
        except AlreadyExists:
            self._await(wanted)
            raise
        self._finish(begun, f"creating {wanted.full_name}")
        self._await(wanted)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        self._change(_message(wanted), sorted(_MASK[field] for field in fields))

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Documents, what the director itself keeps there before all, and the protection that somebody wanted."""
        identifier = wanted.full_name.rpartition("/")[2]
        found = self._found(wanted.full_name)
        if found is None:
            return None
        if found.type_ == TYPES["DATASTORE_MODE"]:
            return Holding("entities, as far as anybody can tell from here")
        listed = self._documents(identifier).collections(retry=None, timeout=CALL_TIMEOUT)
        names = sorted(each.id for each in listed)
        own = [name for name in names if name == OWN or name.startswith(f"{OWN}_")]
        if own:
            return Holding(f"what the director remembers ({', '.join(own)})", others=True)
        staying = [name for name in names if keys.collection(name, identifier)[1] not in going]
        if staying:
            return Holding(f"collections: {', '.join(staying[:3])}{', ...' if staying[3:] else ''}")
        protected = found.delete_protection_state == _PROTECTION.DELETE_PROTECTION_ENABLED
        return Holding("its delete protection") if protected else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Refused by Firestore while it is protected; with `data`, which somebody confirmed, that ends here."""
        found = self._get(wanted.full_name)
        if data and found.delete_protection_state == _PROTECTION.DELETE_PROTECTION_ENABLED:
            found.delete_protection_state = _PROTECTION.DELETE_PROTECTION_DISABLED
            self._change(found, ["delete_protection_state"])
            found = self._get(wanted.full_name)
        request = {"name": wanted.full_name, "etag": found.etag}
        begun = self._admin.delete_database(request=request, retry=None, timeout=CALL_TIMEOUT)
        self._finish(begun, f"deleting {wanted.full_name}")

    def _change(self, database: Any, mask: Sequence[str]) -> None:
        """Under the etag of `database`, where it has one."""
        request = {"database": database, "update_mask": {"paths": mask}}
        begun = self._admin.update_database(request=request, retry=None, timeout=CALL_TIMEOUT)
        self._finish(begun, f"changing {database.name}")

    def _finish(self, begun: Any, what: str) -> None:
        self._waiting.finished(begun, self._admin.transport.operations_client, what)

    def _await(self, wanted: Wanted[State]) -> None:
        """An operation may be done before its database is seen everywhere."""
        name = wanted.full_name
        self._waiting.until(lambda: self._found(name) is not None, f"creating {name}")

    def _found(self, name: str) -> Any:
        try:
            return self._get(name)
        except NotFound:
            return None

    def _get(self, name: str) -> Any:
        return self._admin.get_database(name=name, retry=None, timeout=CALL_TIMEOUT)


def _observed(found: Any) -> Observed[State]:
    state = State(
        location_id=found.location_id,
        type=_NAMES.get(found.type_, found.type_.name),
        kms_key_name=without_version(found.cmek_config.kms_key_name),
        delete_protection=found.delete_protection_state == _PROTECTION.DELETE_PROTECTION_ENABLED,
        point_in_time_recovery=found.point_in_time_recovery_enablement == _RECOVERY.POINT_IN_TIME_RECOVERY_ENABLED,
    )
    return Observed(state, None)


def _message(wanted: Wanted[State]) -> Any:
    state = wanted.state
    on, off = _RECOVERY.POINT_IN_TIME_RECOVERY_ENABLED, _RECOVERY.POINT_IN_TIME_RECOVERY_DISABLED
    kept, open_ = _PROTECTION.DELETE_PROTECTION_ENABLED, _PROTECTION.DELETE_PROTECTION_DISABLED
    return Message(
        name=wanted.full_name,
        location_id=state.location_id,
        type_=TYPES[state.type],
        delete_protection_state=kept if state.delete_protection else open_,
        point_in_time_recovery_enablement=on if state.point_in_time_recovery else off,
        cmek_config={"kms_key_name": state.kms_key_name} if state.kms_key_name else None,
    )
