"""The door for those who administer Firestore: databases, composite indexes and TTL policies, in memory.

What is not done at once is an operation. Until it ends, a database that is being created is not found, and cannot be
created again; an index or a policy is CREATING, and NEEDS_REPAIR where the operation fails.

Documents live in any database that is named, created or not; deleting one takes its documents along. The default
database takes indexes and policies also before it is created. Neither changes what queries answer, and no document
expires.
"""

import secrets
import uuid
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from localcloud.clock import Clock
from localcloud.faults import Call, Faults
from localcloud.firestore import admin_checks as checks
from localcloud.firestore import admin_messages as messages
from localcloud.firestore.messages import Write
from localcloud.firestore.store import Store
from localcloud.operations import Finish, Operations
from localcloud.paging import page
from localcloud.rpc import (
    RpcError,
    RpcService,
    already_exists,
    failed_precondition,
    invalid_argument,
    not_found,
    refused,
    unary,
    unsupported,
)

LARGEST_PAGE = 1_000
ALL_GROUPS = "-"
WITH_TTL = "ttlConfig:*"
_NAME = "google.firestore.admin.v1.FirestoreAdmin"


class FirestoreAdmin(RpcService):
    service = _NAME
    short = "firestoreadmin"

    def __init__(self, faults: Faults, clock: Clock, operations: Operations, store: Store) -> None:
        super().__init__(faults)
        self._clock = clock
        self._operations = operations
        self._store = store
        self._databases: dict[str, Any] = {}
        self._creating: set[str] = set()
        self._indexes: dict[str, Any] = {}
        self._fields: dict[str, Any] = {}  # those with a TTL policy

    @unary(messages.CreateDatabaseRequest)
    async def CreateDatabase(self, request: Any) -> Any:
        name = f"{request.parent}/databases/{request.database_id}"
        wanted = checks.new_database(request, name)
        if name in self._databases or name in self._creating:
            raise already_exists(f"Database already exists. Please use another database_id: {name}")
        self._creating.add(name)

        async def finish() -> Any:
            self._creating.discard(name)
            wanted.uid = str(uuid.uuid4())
            wanted.create_time.FromNanoseconds(self._clock.time_ns())
            return self._kept(wanted)

        metadata = messages.CreateDatabaseMetadata()
        return self._begun("CreateDatabase", name, metadata, finish, lambda: self._creating.discard(name))

    @unary(messages.GetDatabaseRequest)
    async def GetDatabase(self, request: Any) -> Any:
        return self._database(request.name)

    @unary(messages.ListDatabasesRequest)
    async def ListDatabases(self, request: Any) -> Any:
        checks.check_project(request.parent)
        if request.show_deleted:
            raise unsupported("show_deleted in ListDatabases")
        found = [each for name, each in self._databases.items() if name.startswith(f"{request.parent}/databases/")]
        return messages.ListDatabasesResponse(databases=found)

    @unary(messages.UpdateDatabaseRequest)
    async def UpdateDatabase(self, request: Any) -> Any:
        name = request.database.name
        current = self._database(name)
        _check_etag(current, request.database.etag)
        changed = checks.changed_database(current, request)

        async def finish() -> Any:
            return self._kept(changed)

        return self._begun("UpdateDatabase", name, messages.UpdateDatabaseMetadata(), finish)

    @unary(messages.DeleteDatabaseRequest)
    async def DeleteDatabase(self, request: Any) -> Any:
        name = request.name
        current = self._database(name)
        _check_etag(current, request.etag)
        if current.delete_protection_state == messages.Database.DELETE_PROTECTION_ENABLED:
            raise failed_precondition(f"Delete protection is enabled for database {name}: disable it first.")

        async def finish() -> Any:
            gone = self._databases.pop(name, None)
            if gone is None:
                raise not_found(f"Database {name} is deleted already.")
            documents = self._store.database(name)
            documents.commit([Write(delete=each) for each in documents.entries])
            self._indexes = _without(self._indexes, name)
            self._fields = _without(self._fields, name)
            return gone

        return self._begun("DeleteDatabase", name, messages.DeleteDatabaseMetadata(), finish)

    @unary(messages.CreateIndexRequest)
    async def CreateIndex(self, request: Any) -> Any:
        database, group = checks.group_of(request.parent)
        self._check_takes(database)
        wanted = checks.new_index(request.index)
        if group == ALL_GROUPS or any(_same(wanted, each) for each in self._below(self._indexes, database, group)):
            raise already_exists("index already exists")
        wanted.name = f"{request.parent}/indexes/CICA{secrets.token_hex(6)}"
        wanted.state = messages.IndexState.CREATING
        self._indexes[wanted.name] = wanted

        async def finish() -> Any:
            wanted.state = messages.IndexState.READY
            return wanted

        def gave_up() -> None:
            wanted.state = messages.IndexState.NEEDS_REPAIR

        metadata = messages.IndexOperationMetadata(index=wanted.name)
        return self._begun("CreateIndex", wanted.name, metadata, finish, gave_up)

    @unary(messages.GetIndexRequest)
    async def GetIndex(self, request: Any) -> Any:
        if request.name not in self._indexes:
            raise not_found(f"Index {request.name} does not exist.")
        return self._indexes[request.name]

    @unary(messages.ListIndexesRequest)
    async def ListIndexes(self, request: Any) -> Any:
        database, group = checks.group_of(request.parent)
        self._check_takes(database)
        if request.filter:
            raise unsupported("filter in ListIndexes")
        shown, token = page(self._below(self._indexes, database, group), request, LARGEST_PAGE)
        return messages.ListIndexesResponse(indexes=shown, next_page_token=token)

    @unary(messages.DeleteIndexRequest)
    async def DeleteIndex(self, request: Any) -> Any:
        if self._indexes.pop(request.name, None) is None:
            raise not_found(f"Index {request.name} does not exist.")
        return Empty()

    @unary(messages.GetFieldRequest)
    async def GetField(self, request: Any) -> Any:
        database, _ = _field_of(request.name)
        self._check_takes(database)
        return self._fields.get(request.name) or _as_default(request.name, database)

    @unary(messages.ListFieldsRequest)
    async def ListFields(self, request: Any) -> Any:
        database, group = checks.group_of(request.parent)
        self._check_takes(database)
        if request.filter != WITH_TTL:
            raise unsupported(f"ListFields with another filter than {WITH_TTL}")
        shown, token = page(self._below(self._fields, database, group), request, LARGEST_PAGE)
        return messages.ListFieldsResponse(fields=shown, next_page_token=token)

    @unary(messages.UpdateFieldRequest)
    async def UpdateField(self, request: Any) -> Any:
        name = request.field.name
        database, group = _field_of(name)
        self._check_takes(database)
        if list(request.update_mask.paths) != ["ttl_config"]:
            raise unsupported("UpdateField of anything but ttl_config")
        if request.field.HasField("ttl_config"):
            return self._with_ttl(request.field, database, group)

        async def finish() -> Any:
            self._fields.pop(name, None)
            return _as_default(name, database)

        return self._begun("UpdateField", name, messages.FieldOperationMetadata(field=name), finish)

    BulkDeleteDocuments = refused(f"{_NAME}.BulkDeleteDocuments")
    CloneDatabase = refused(f"{_NAME}.CloneDatabase")
    CreateBackupSchedule = refused(f"{_NAME}.CreateBackupSchedule")
    CreateUserCreds = refused(f"{_NAME}.CreateUserCreds")
    DeleteBackup = refused(f"{_NAME}.DeleteBackup")
    DeleteBackupSchedule = refused(f"{_NAME}.DeleteBackupSchedule")
    DeleteUserCreds = refused(f"{_NAME}.DeleteUserCreds")
    DisableUserCreds = refused(f"{_NAME}.DisableUserCreds")
    EnableUserCreds = refused(f"{_NAME}.EnableUserCreds")
    ExportDocuments = refused(f"{_NAME}.ExportDocuments")
    GetBackup = refused(f"{_NAME}.GetBackup")
    GetBackupSchedule = refused(f"{_NAME}.GetBackupSchedule")
    GetUserCreds = refused(f"{_NAME}.GetUserCreds")
    ImportDocuments = refused(f"{_NAME}.ImportDocuments")
    ListBackups = refused(f"{_NAME}.ListBackups")
    ListBackupSchedules = refused(f"{_NAME}.ListBackupSchedules")
    ListUserCreds = refused(f"{_NAME}.ListUserCreds")
    ResetUserPassword = refused(f"{_NAME}.ResetUserPassword")
    RestoreDatabase = refused(f"{_NAME}.RestoreDatabase")
    UpdateBackupSchedule = refused(f"{_NAME}.UpdateBackupSchedule")

    def _with_ttl(self, wanted: Any, database: str, group: str) -> Any:
        name = wanted.name
        if any(each.name != name for each in self._below(self._fields, database, group)):
            raise failed_precondition(f"Another field of collection group {group} has a TTL policy: it can have one.")
        field = _as_default(name, database)
        field.ttl_config.CopyFrom(wanted.ttl_config)
        field.ttl_config.state = messages.TtlState.CREATING
        self._fields[name] = field

        async def finish() -> Any:
            field.ttl_config.state = messages.TtlState.ACTIVE
            return field

        def gave_up() -> None:
            field.ttl_config.state = messages.TtlState.NEEDS_REPAIR

        return self._begun("UpdateField", name, messages.FieldOperationMetadata(field=name), finish, gave_up)

    def _begun(self, method: str, name: str, metadata: Any, finish: Finish, gave_up: Any = lambda: None) -> Any:
        database = "/".join(name.split("/")[:4])
        return self._operations.begin(database, Call(f"{self.short}.{method}", name), metadata, finish, gave_up)

    def _kept(self, database: Any) -> Any:
        database.update_time.FromNanoseconds(self._clock.time_ns())
        database.etag = secrets.token_urlsafe(9)
        self._databases[database.name] = database
        return database

    def _database(self, name: str) -> Any:
        if name not in self._databases:
            raise not_found(f"Project or database {name} does not exist.")
        return self._databases[name]

    def _check_takes(self, database: str) -> None:
        if not database.endswith(f"/databases/{checks.DEFAULT}"):
            self._database(database)

    @staticmethod
    def _below(known: dict[str, Any], database: str, group: str) -> list[Any]:
        prefix = f"{database}/collectionGroups/" + ("" if group == ALL_GROUPS else f"{group}/")
        return [each for name, each in known.items() if name.startswith(prefix)]


def _check_etag(database: Any, etag: str) -> None:
    if etag and etag != database.etag:
        raise RpcError(grpc.StatusCode.ABORTED, f"The etag given is not that of {database.name}; read it again.")


def _without(known: dict[str, Any], database: str) -> dict[str, Any]:
    return {name: each for name, each in known.items() if not name.startswith(f"{database}/")}


def _same(one: Any, other: Any) -> bool:
    return one.query_scope == other.query_scope and list(one.fields) == list(other.fields)


def _field_of(name: str) -> tuple[str, str]:
    """Database and collection group of a field that may have a policy."""
    group, _, path = name.partition("/fields/")
    if not path or path in ("*", "__name__"):
        raise invalid_argument(f"Invalid field name: {name!r}.")
    return checks.group_of(group)


def _as_default(name: str, database: str) -> Any:
    ancestor = f"{database}/collectionGroups/__default__/fields/*"
    return messages.Field(name=name, index_config={"uses_ancestor_config": True, "ancestor_field": ancestor})
