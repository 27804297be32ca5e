"""A version added: imported, or an old one brought back. What does not load is refused and changes nothing."""

from pathlib import PurePosixPath

from director.documents.loading import Blueprint
from director.errors import Rejected
from director.strict import DocumentError, Problem
from director.versions.documents import blueprint
from director.versions.version import Added, Contents, Version, Versions, check


def add(
    versions: Versions, contents: Contents, expected: int | None, added: Added, environment: str | None = None
) -> tuple[Version, bool]:
    """The current version, and whether it is new: contents that are current already add nothing.

    `expected` is the number of the version that the caller has seen as current (0: none was), None whatever is current
    when this begins. Raises DocumentError, Conflict, and what `Versions` raises.
    """
    check(contents)
    current = versions.current()
    if current and current.sha256 == contents.sha256:
        return current, False
    loaded = blueprint(contents, environment)
    if added.restores is None and (problems := _strays(contents, loaded)):
        raise DocumentError(problems)
    new = loaded.architecture
    if current and (problems := _other(versions, current, (new.name, new.project_id), contents.hub, environment)):
        raise DocumentError(problems)
    seen = (current.number if current else 0) if expected is None else expected
    return versions.add(contents, seen, added), True


def roll_back(
    versions: Versions, number: int, expected: int | None, added: Added, environment: str | None = None
) -> tuple[Version, bool]:
    """Adds the texts of an old version once more. Raises Unknown, and what `add` raises."""
    return add(versions, versions.contents(number), expected, added, environment)


def _strays(contents: Contents, loaded: Blueprint) -> list[Problem]:
    """What is not read is not checked either, and might hold a secret."""
    folder = PurePosixPath(contents.hub).parent
    read = {str(folder / name) for name in loaded.texts}
    why = "nothing leads to this file, so nobody checks it; leave it out"
    return [Problem(name, 0, 0, "", why) for name in contents.names if name not in read]


def _other(
    versions: Versions, current: Version, new: tuple[str, str], hub: str, environment: str | None
) -> list[Problem]:
    """A store is of one architecture: leases and the journal are kept under its name and project."""
    try:
        old = blueprint(versions.contents(current.number), environment).architecture
    except (DocumentError, Rejected):  # of one that cannot be used any more the next one is the remedy
        return []
    return [
        Problem(hub, 0, 0, field, f"is '{now}', but this store is of '{was}'; keep it, or import into another store")
        for field, was, now in zip(("name", "project_id"), (old.name, old.project_id), new, strict=True)
        if was != now
    ]
