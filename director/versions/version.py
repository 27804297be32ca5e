"""Versions of an architecture: the texts of its documents as people wrote them, only ever added.

The newest version is the current one. Whoever adds one says which they have seen as current, so nobody overwrites what
they do not know. To go back is to add the texts of an old version again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from director.errors import Moved, Unknown
from director.positions import LARGEST_DOCUMENT
from director.strict import DocumentError, Problem

MOST_FILES = 200
LARGEST_VERSION = 8_000_000  # bytes of all texts: they go to Firestore in one request, which takes 10 MiB
LONGEST_NAME = 200  # characters
LONGEST_COMMENT = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Contents:
    """Texts by the name of their file, relative to the folder of `hub`, which leads to all the others."""

    hub: str
    texts: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The hub, then the others in the order of their names."""
        return (self.hub, *sorted(name for name in self.texts if name != self.hub))

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for name in self.names:
            for part in (name.encode(), self.texts[name].encode()):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Version:
    """What is known of a version beside its texts. `at` is RFC 3339; `restores` the version whose texts came back."""

    number: int
    at: str
    who: str
    comment: str
    sha256: str
    hub: str
    restores: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """Who wants a version added, and why."""

    who: str
    comment: str = ""
    restores: int | None = None


class Conflict(Moved):
    """Another version became current than the one that was seen; nothing was changed."""

    def __init__(self, expected: int, current: Version | None) -> None:
        number = current.number if current else 0
        super().__init__(
            f"version {number} is current and not {expected}, so nothing was changed; look at what {number} changes "
            "(diff), bring it into yours, and do it again",
            (f"expected: {_told(expected, None)}", f"current: {_told(number, current)}"),
        )
        self.expected, self.current = expected, current


class Versions(Protocol):
    """Where versions are kept. Every method raises Unavailable or Rejected where the store cannot answer."""

    def current(self) -> Version | None: ...

    def find(self, number: int) -> Version:
        """Raises Unknown."""

    def contents(self, number: int) -> Contents:
        """Raises Unknown, and Rejected for what is not what was written."""

    def page(self, before: int | None, size: int) -> Sequence[Version]:
        """The newest first, of those before a number."""

    def add(self, contents: Contents, expected: int, added: Added) -> Version:
        """Number `expected` + 1, whole or not at all. Raises Conflict where `expected` is not current (0: none is)."""

    def close(self) -> None: ...


def absent(number: int) -> Unknown:
    return Unknown(f"no version {number} in the store; see its history")


def check(contents: Contents) -> None:
    """Raises DocumentError for names that are not those of files in one folder, and for what is too much to keep."""
    problems = [Problem(name, 0, 0, "", why) for name in contents.texts if (why := _unfit(name, contents.texts))]
    if contents.hub not in contents.texts:
        problems.append(Problem(contents.hub, 0, 0, "", "is the hub, but its text is not here; add it"))
    if len(contents.texts) > MOST_FILES:
        problems.append(Problem(contents.hub, 0, 0, "", f"{len(contents.texts)} files; at most {MOST_FILES} are kept"))
    if not problems and sum(len(text.encode()) for text in contents.texts.values()) > LARGEST_VERSION:
        problems.append(Problem(contents.hub, 0, 0, "", f"all files together exceed {LARGEST_VERSION:,} bytes"))
    if problems:
        raise DocumentError(problems)


def _unfit(name: str, texts: Mapping[str, str]) -> str | None:
    parts = PurePosixPath(name).parts
    if name != "/".join(parts) or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        return "is no name of a file inside the hub's folder; use such as dataflows/air.yaml"
    if not 0 < len(name) <= LONGEST_NAME:
        return f"has a name of more than {LONGEST_NAME} characters; use a shorter one"
    if any(str(folder) in texts for folder in PurePosixPath(name).parents):
        return "lies in a folder that is itself called like one of the files; rename one of them"
    try:
        size = len(texts[name].encode())
    except UnicodeEncodeError:
        return "holds half a character; save the file as UTF-8"
    return f"larger than {LARGEST_DOCUMENT:,} bytes; split the document" if size > LARGEST_DOCUMENT else None


def _told(number: int, version: Version | None) -> str:
    if version is None:
        return f"version {number}" if number else "no version"
    return f"version {number} of {version.at} by {version.who}" + (f": {version.comment}" if version.comment else "")
