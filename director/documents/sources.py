"""The files an architecture is made of: a hub, and those it names, read once each from a folder or from memory."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Self

from director.positions import Unreadable, read_text
from director.strict import DocumentError, Problem, Source, read

MOST_FILES = 200
LARGEST_WHOLE = 20_000_000  # characters of all files together


class Files:
    """Files by name: a path relative to the folder of the hub, with `/`."""

    def __init__(self, hub: str, text: Callable[[str], str], shown: Callable[[str], str]) -> None:
        """`text` raises OSError or Unreadable, and ValueError for a name that may lead elsewhere."""
        self._hub = hub
        self._text = text
        self._shown = shown
        self._sources: dict[str, Source] = {}
        self._names: dict[str, str] = {}  # by what people know a file as
        self.texts: dict[str, str] = {}  # everything read so far, the hub first

    @classmethod
    def of_folder(cls, hub: Path) -> Self:
        """The hub may be a symbolic link; what it names may not."""
        folder = hub.parent
        return cls(
            hub.name,
            lambda name: read_text(hub if name == hub.name else unlinked(folder, name)),
            lambda name: str(folder / name),
        )

    @classmethod
    def of_texts(cls, texts: Mapping[str, str], hub: str) -> Self:
        """`hub` is a name in `texts`; the others are found from where that lies."""
        folder = PurePosixPath(hub).parent

        def text(name: str) -> str:
            found = texts.get(str(folder / name))
            if found is None:
                raise FileNotFoundError(2, "no such file")
            return found

        return cls(PurePosixPath(hub).name, text, lambda name: str(folder / name))

    def hub(self) -> Source:
        """Raises DocumentError."""
        try:
            return self._read(self._hub)
        except OSError as error:
            message = f"{_reason(error)}; name a file this user may read"
            raise DocumentError([Problem(self._shown(self._hub), 0, 0, "", message)]) from error

    def named(self, name: str, by: Source) -> Source:
        """The file that `by` calls `name`, from where `by` lies.

        Raises ValueError, with the reason, where the name is wrong or the file cannot be read; DocumentError, which is
        one too, where the file can be read and is no document.
        """
        full = (PurePosixPath(self._names[by.name]).parent / inner(name)).as_posix()
        if full not in self._sources and len(self._sources) >= MOST_FILES:
            raise ValueError(f"is one file too many, {MOST_FILES} are allowed; join some")
        try:
            return self._read(full)
        except OSError as error:
            raise ValueError(f"{self._shown(full)} {_reason(error)}; name a file this user may read") from error

    def _read(self, name: str) -> Source:
        if name not in self._sources:
            shown = self._shown(name)
            try:
                text = self._text(name)
            except Unreadable as error:
                raise DocumentError([Problem(shown, *error.place, "", str(error))]) from error
            if sum(map(len, self.texts.values())) + len(text) > LARGEST_WHOLE:
                raise ValueError(f"makes the whole larger than {LARGEST_WHOLE:,} characters; leave it out")
            self._names[shown] = name
            self.texts[name] = text
            self._sources[name] = read(text, shown)
        return self._sources[name]


def inner(name: str) -> PurePosixPath:
    """`name` as a path that stays in its folder. Raises ValueError for one that does not."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError("leads out of this document's folder; name a file inside it")
    return path


def unlinked(folder: Path, name: str) -> Path:
    """The file called `name` in `folder`. Raises ValueError for one that is, or may lead, elsewhere."""
    path = folder
    for part in inner(name).parts:
        path = path / part
        if path.is_symlink():
            raise ValueError("is a symbolic link or lies behind one; name the file itself")
    return path


def _reason(error: Exception) -> str:
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
