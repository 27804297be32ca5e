"""A store, opened as the command line names it."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from director.client import BadAddress, DirectorClient
from director.errors import Misconfigured
from director.provisioning.clients import Clients
from director.retries import Retries
from director.versions.file import FileVersions
from director.versions.firestore import FirestoreVersions
from director.versions.remote import RemoteVersions
from director.versions.version import LONGEST_COMMENT, Versions


@contextmanager
def opened(arguments: Namespace, new: bool = False) -> Iterator[Versions]:
    """With `new` a file may be made. Raises Misconfigured or Unavailable."""
    with closing(store_of(arguments, new)) as versions:
        yield versions


def store_of(arguments: Namespace, new: bool = False) -> Versions:
    """The same, for the caller to close."""
    if getattr(arguments, "director_url", None):
        return RemoteVersions(_client(arguments.director_url))
    if arguments.store == "firestore":
        clients = Clients.open(_project(arguments))
        return FirestoreVersions(clients.firestore, Retries(), arguments.store_collection, clients.close)
    path = Path(arguments.store)
    if not new and not path.exists():
        raise Misconfigured(f"--store {path} is not there; make it with `python -m director config import FILE`")
    return FileVersions(path)


def check_comment(comment: str) -> str:
    """Raises Misconfigured."""
    if len(comment) > LONGEST_COMMENT:
        raise Misconfigured(f"--comment: is longer than {LONGEST_COMMENT} characters; shorten it")
    return comment


def _project(arguments: Namespace) -> str:
    if not arguments.store_project:
        raise Misconfigured("a store in firestore needs its project; add --store-project, or set GOOGLE_CLOUD_PROJECT")
    return str(arguments.store_project)


def _client(url: str) -> DirectorClient:
    try:
        return DirectorClient(url)
    except BadAddress as error:
        raise Misconfigured(f"--director_url: {error}") from error
