"""What a director begins to serve: a file, or the current version of a store, which it then follows."""

import logging
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context

from director.documents.loading import Blueprint, load
from director.errors import Misconfigured
from director.renewal import Renewal
from director.stores import opened, store_of
from director.strict import DocumentError, printable
from director.versions.documents import blueprint
from director.versions.file import FileVersions
from director.versions.version import Added, Contents, Version

TRIED = 10  # versions, where the newest do not load any more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """`newest` is the current version, where that is another: one that cannot be used."""

    version: Version
    contents: Contents
    blueprint: Blueprint
    newest: Version


def served(arguments: Namespace) -> Served:
    """Raises DocumentError, Misconfigured, Unavailable or Rejected. No channel is left open: safe before a fork."""
    if arguments.store is not None:
        return _newest(arguments)
    found = load(arguments.architecture, arguments.environment)
    contents = Contents(arguments.architecture.name, found.texts)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    version = Version(1, at, "file", str(arguments.architecture), contents.sha256, contents.hub)
    return Served(version, contents, found, version)


def renewal(begun: Served, arguments: Namespace, renew: Callable[[Blueprint], None]) -> Renewal:
    """To be called in the process that serves. A file is served as a store that nobody adds to."""
    if arguments.store is not None:
        return Renewal(store_of(arguments), begun.version, begun.blueprint, renew, arguments.environment, begun.newest)
    versions, known = FileVersions(), begun.version
    version = versions.add(begun.contents, 0, Added(known.who, known.comment))
    return Renewal(versions, version, begun.blueprint, renew, arguments.environment, writable=False)


def _newest(arguments: Namespace) -> Served:
    """The newest version that loads: a director that is started anew serves what it would have gone on with."""
    first: tuple[Version, DocumentError] | None = None
    before = None
    for _ in range(TRIED):
        found = _fetched(arguments, before)
        if found is None:
            break
        version, contents = found
        try:
            loaded = blueprint(contents, arguments.environment)
        except DocumentError as error:
            first = first or (version, error)
            before = version.number
            continue
        if first:
            for problem in first[1].problems:
                log.error("version %d refused: %s", first[0].number, printable(str(problem)))
        return Served(version, contents, loaded, first[0] if first else version)
    if first:
        raise first[1]
    raise Misconfigured("the store has no version yet; add one with `python -m director config import FILE`")


def _fetched(arguments: Namespace, before: int | None) -> tuple[Version, Contents] | None:
    """Asked by a child that is forked for it: gRPC must not be awake in a process that forks again later."""
    names = ("store", "store_project", "store_collection")
    given = Namespace(**{name: getattr(arguments, name) for name in names})
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as child:
        return child.submit(_fetch, given, before).result()


def _fetch(arguments: Namespace, before: int | None) -> tuple[Version, Contents] | None:
    with opened(arguments) as versions:
        page = versions.page(before, 1)
        return (page[0], versions.contents(page[0].number)) if page else None
