"""Names of databases, documents and collections.

A path is what follows `projects/…/databases/…/documents/`, as a tuple: collection id, document id, and so on.
Source: https://cloud.google.com/firestore/docs/best-practices and …/quotas#collections_documents_and_fields
"""

import re

from localcloud.rpc import invalid_argument

Path = tuple[str, ...]

_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_NUMERIC = re.compile(r"__id-?\d+__")
_LONGEST_ID = 1500  # bytes of UTF-8
_LONGEST_NAME = 6 * 1024


def check_database(database: str) -> str:
    """The name of a database; raises RpcError if it is none."""
    if not _DATABASE.fullmatch(database):
        raise invalid_argument(f"Invalid database name: {database!r}")
    return database


def database_of(name: str) -> str:
    """The database of a document's name, or of a parent's; raises RpcError if there is none in it."""
    found = _DATABASE.match(name)
    if not found or not (name[found.end() :] + "/").startswith("/documents/"):
        raise invalid_argument(f"Invalid resource name: {name!r} is not below projects/…/databases/…/documents")
    return found.group()


def path_of(name: str) -> Path:
    """The path in a name that was checked."""
    return tuple(name.split("/")[5:])


def document_path(name: str, database: str) -> Path:
    """The path of a document that may exist; raises RpcError if `name` is not one of `database`."""
    path = _path_within(name, database)
    if not path or len(path) % 2:
        raise invalid_argument(f"Document name {name!r} has no even number of path segments.")
    if len(name.encode()) > _LONGEST_NAME:
        raise invalid_argument(f"Document name of {len(name.encode())} bytes is longer than {_LONGEST_NAME}.")
    for segment in path:
        check_id(segment)
    return path


def parent_path(parent: str, database: str) -> Path:
    """The path of the document, or the empty one of the database, that collections are below."""
    path = _path_within(parent, database)
    if len(path) % 2:
        raise invalid_argument(f"Parent {parent!r} is a collection, not a document.")
    return path


def check_id(segment: str) -> str:
    """A collection or document id that may exist; raises RpcError if Firestore forbids it."""
    if not segment or segment in (".", "..") or "/" in segment:
        raise invalid_argument(f"Resource id {segment!r} is invalid.")
    if _RESERVED.fullmatch(segment):
        raise invalid_argument(f'Resource id "{segment}" is invalid because it is reserved.')
    if len(segment.encode()) > _LONGEST_ID:
        raise invalid_argument(f"Resource id of {len(segment.encode())} bytes is longer than {_LONGEST_ID}.")
    return segment


def ordering_path(name: str) -> Path:
    """The path by which a reference is compared: numeric ids, which no document here has, come before all others."""
    return tuple("" if _NUMERIC.fullmatch(segment) else segment for segment in path_of(name))


def after_all_below(path: Path) -> Path:
    """The least path above `path` and everything below it."""
    return (*path[:-1], path[-1] + "\0")


def _path_within(name: str, database: str) -> Path:
    if database_of(name) != database:
        raise invalid_argument(f"Resource {name!r} is not in database {database!r}.")
    return path_of(name)
