"""What the admin API takes, with the defaults filled in. All of it raises RpcError.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.admin.v1
"""

import re
from typing import Any

from localcloud.firestore.admin_messages import Database, Index
from localcloud.rpc import invalid_argument, unsupported

DEFAULT = "(default)"
HOUR, WEEK = 3600, 7 * 24 * 3600  # seconds that old versions are kept, without and with point in time recovery

_PROJECT = re.compile(r"projects/[^/]+")
_ID = re.compile(r"[a-z][a-z0-9-]{2,61}[a-z0-9]")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOCATION = re.compile(r"[a-z]+\d?|[a-z]+-[a-z]+\d+")
_GROUP = re.compile(r"(projects/[^/]+/databases/[^/]+)/collectionGroups/([^/]+)")
_SETTABLE = (
    "location_id", "type_", "concurrency_mode", "point_in_time_recovery_enablement", "app_engine_integration_mode",
    "delete_protection_state", "cmek_config",
)  # fmt: skip
_CHANGEABLE = (
    "concurrency_mode", "point_in_time_recovery_enablement", "app_engine_integration_mode", "delete_protection_state",
)  # fmt: skip
_OUTPUT_ONLY = ("name", "etag", "uid")


def new_database(request: Any, name: str) -> Any:
    """What is asked for, as it will be."""
    check_project(request.parent)
    identifier = request.database_id
    if identifier != DEFAULT and (not _ID.fullmatch(identifier) or _UUID.fullmatch(identifier)):
        raise invalid_argument(f"Invalid database id: {identifier!r}.")
    wanted = request.database
    _check_settable(wanted)
    if not _LOCATION.fullmatch(wanted.location_id):
        raise invalid_argument(f"Invalid location id: {wanted.location_id!r}.")
    if wanted.type_ == Database.DATABASE_TYPE_UNSPECIFIED:
        raise invalid_argument("The database type must be specified.")
    made = Database()
    made.CopyFrom(wanted)
    made.name = name
    made.concurrency_mode = made.concurrency_mode or Database.PESSIMISTIC
    made.app_engine_integration_mode = made.app_engine_integration_mode or Database.AppEngineIntegrationMode.DISABLED
    made.database_edition = Database.STANDARD
    return settled(made)


def changed_database(current: Any, request: Any) -> Any:
    """The database as the request wants it."""
    paths = list(request.update_mask.paths)
    if not paths:
        raise invalid_argument("The update mask must name the fields to change.")
    for path in paths:
        if path not in _CHANGEABLE:
            named = path in Database.DESCRIPTOR.fields_by_name
            raise (
                unsupported(f"a change of {path} of a database")
                if named
                else invalid_argument(f"Invalid field mask: {path!r}.")
            )
    changed = Database()
    changed.CopyFrom(current)
    for path in paths:
        setattr(changed, path, getattr(request.database, path))
    return settled(changed)


def settled(database: Any) -> Any:
    """With what is unspecified as Firestore settles it."""
    off = Database.POINT_IN_TIME_RECOVERY_DISABLED
    recovery = database.point_in_time_recovery_enablement or off
    database.point_in_time_recovery_enablement = recovery
    database.version_retention_period.FromSeconds(HOUR if recovery == off else WEEK)
    database.delete_protection_state = database.delete_protection_state or Database.DELETE_PROTECTION_DISABLED
    return database


def check_project(parent: str) -> None:
    if not _PROJECT.fullmatch(parent):
        raise invalid_argument(f"Invalid parent: {parent!r} is not a project, such as projects/my-project.")


def group_of(parent: str) -> tuple[str, str]:
    """The database and the collection group of a name; the group `-` stands for all of them."""
    found = _GROUP.fullmatch(parent)
    if not found:
        raise invalid_argument(f"Invalid parent: {parent!r} is no collection group.")
    return found[1], found[2]


def new_index(wanted: Any) -> Any:
    """The index with the field `__name__`, which ends every one."""
    for set_field, _ in wanted.ListFields():
        if set_field.name not in ("query_scope", "fields", "api_scope", "density"):
            raise unsupported(f"{set_field.name} of an index")
    if wanted.query_scope not in (Index.COLLECTION, Index.COLLECTION_GROUP):
        raise invalid_argument("The query scope must be COLLECTION or COLLECTION_GROUP.")
    if wanted.api_scope != Index.ANY_API or wanted.density not in (Index.DENSITY_UNSPECIFIED, Index.SPARSE_ALL):
        raise unsupported("indexes of another API")
    if len([each for each in wanted.fields if each.field_path != "__name__"]) < 2:
        raise invalid_argument("A composite index needs two fields: this one is not necessary.")
    made = Index()
    made.CopyFrom(wanted)
    made.density = Index.SPARSE_ALL
    for each in made.fields:
        _check_index_field(each)
    if sum(each.WhichOneof("value_mode") == "array_config" for each in made.fields) > 1:
        raise invalid_argument("An index can have one array field.")
    last = made.fields[-1]
    if last.field_path != "__name__":
        ordered = last.order if last.WhichOneof("value_mode") == "order" else Index.IndexField.ASCENDING
        made.fields.add(field_path="__name__", order=ordered)
    return made


def _check_index_field(field: Any) -> None:
    mode = field.WhichOneof("value_mode")
    if mode not in ("order", "array_config"):
        if mode is None:
            raise invalid_argument(f"Field {field.field_path!r} of the index has no order and no array_config.")
        raise unsupported(f"{mode} in indexes")
    if not field.field_path or not getattr(field, mode):
        raise invalid_argument(f"Field {field.field_path!r} of the index is not complete.")


def _check_settable(database: Any) -> None:
    for field, _ in database.ListFields():
        if field.name not in (*_SETTABLE, *_OUTPUT_ONLY):
            raise unsupported(f"{field.name} of a database")
