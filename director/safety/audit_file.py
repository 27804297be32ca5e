"""The audit in a file: lines that are only ever added, until they are older than anyone wants to keep."""

import errno
import fcntl
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from director.safety.audit import AuditUnavailable, is_older

BLOCK = 64 << 10  # bytes read at once, from the end


class FileRecords:
    """A file that nobody else may read, written through to the disk line by line.

    It may be rotated, and several processes may write it: each line goes to the file that has the name then.
    """

    def __init__(self, path: Path) -> None:
        """Raises AuditUnavailable."""
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = _opened(path)
            self._end_half_line()
        except OSError as error:
            raise _unwritable(path, error) from error

    def append(self, line: bytes) -> None:
        with self._alone():
            self._end_half_line()
            if os.write(self._file, line + b"\n") <= len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._file)

    def prune(self, before: datetime, most: int) -> int:
        """In one go, whatever the number: the rest is copied, and takes the file's place at once."""
        with self._alone():
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                return 0
            with self._path.open("rb") as lines:
                forgotten, start = _how_many_are_older(lines, before)
                if forgotten:
                    lines.seek(start)
                    self._replace(lines)
        return forgotten

    def before(self, mark: int | None) -> Iterator[tuple[int, bytes]]:
        """Marks are places in the file. A line that was cut short by a crash is passed over."""
        with self._lock:
            file = os.dup(self._file)  # this one stays what it is, even when another takes its name
        try:
            yield from self._lines(file, mark)
        finally:
            os.close(file)

    def _lines(self, file: int, mark: int | None) -> Iterator[tuple[int, bytes]]:
        end = os.fstat(file).st_size if mark is None else min(mark, os.fstat(file).st_size)
        rest = b""
        while end > 0:
            start = max(0, end - BLOCK)
            block = os.pread(file, end - start, start) + rest
            first = 0 if start == 0 else block.find(b"\n") + 1
            if first == 0 and start > 0:
                rest, end = block, start
                continue
            at = start + len(block)
            for line in reversed(block[first:].splitlines(keepends=True)):
                at -= len(line)
                yield at, line.rstrip(b"\n")
            rest, end = block[:first], start

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """In this process and among processes, with the file that has the name now. Raises AuditUnavailable."""
        with self._lock:
            try:
                self._lock_the_named_one()
                try:
                    yield
                finally:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
            except OSError as error:
                raise _unwritable(self._path, error) from error

    def _lock_the_named_one(self) -> None:
        while True:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file), self._path.lstat()):
                    return
            os.close(self._file)
            self._file = _opened(self._path)

    def _replace(self, rest: BinaryIO) -> None:
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        file = _opened(new)
        fcntl.flock(file, fcntl.LOCK_EX)  # before it has the name
        with os.fdopen(os.dup(file), "wb") as copy:
            shutil.copyfileobj(rest, copy)
        os.fsync(file)
        new.rename(self._path)
        os.close(self._file)
        self._file = file

    def _end_half_line(self) -> None:
        """What a crash or a full disk has cut short must not spoil the line after it."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")


def _how_many_are_older(lines: BinaryIO, moment: datetime) -> tuple[int, int]:
    """And the place where the first one begins that is not."""
    number = start = 0
    for line in lines:
        if not is_older(line, moment):
            break
        number, start = number + 1, start + len(line)
    return number, start


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _unwritable(path: Path, error: OSError) -> AuditUnavailable:
    return AuditUnavailable(
        f"the audit {path} cannot be written ({error.strerror}); free the disk or name another file"
    )
