"""Between files in a folder, the contents of a version, and the blueprint that these come to."""

from pathlib import Path, PurePosixPath

from director.documents.loading import Blueprint, load, load_texts
from director.errors import Misconfigured
from director.versions.version import Contents, check


def blueprint(contents: Contents, environment: str | None = None) -> Blueprint:
    """Raises DocumentError with every problem, in all environments, each with the name of its file."""
    check(contents)
    return load_texts(contents.texts, contents.hub, environment)


def gathered(hub: Path) -> Contents:
    """The hub and every file that it leads to, character for character. Raises DocumentError where they do not load."""
    contents = Contents(hub.name, load(hub).texts)
    check(contents)
    return contents


def write(contents: Contents, folder: Path) -> None:
    """The bytes that were imported; what lies in the folder under other names stays. Raises Misconfigured."""
    for name in contents.names:
        path = folder / PurePosixPath(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents.texts[name].encode())
        except OSError as error:
            raise Misconfigured(f"{path} cannot be written ({error.strerror}); name another folder") from error
