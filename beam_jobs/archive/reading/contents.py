"""The lines of an object, proved to be what was archived, fetched some objects ahead of who reads them."""

import base64
import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import google_crc32c

from beam_jobs.archive.formats import FORMATS, text_of
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.shelf import Gone, Shelf

AHEAD = 3  # objects that are fetched while another one is read


class Damaged(Exception):
    """An object that is not there, cannot be read, or is not what was archived; the message says which, and how."""


def content(shelf: Shelf, entry: Entry) -> bytes:
    """As it lies there. Raises Damaged; RetryLater and Misconfigured as the shelf does."""
    try:
        found = shelf.read(entry.name)
    except Gone as error:
        raise Damaged(f"{entry.name} is not there") from error
    if crc32c(found) != entry.crc32c:
        raise Damaged(f"{entry.name}: its CRC32C is not that of what was archived")
    return found


def text(shelf: Shelf, entry: Entry) -> bytes:
    """The lines, each ended by a newline. Raises as `content` does."""
    return decoded(content(shelf, entry), entry)


def decoded(found: bytes, entry: Entry) -> bytes:
    """The text in an object's content. Raises Damaged."""
    try:
        lines = FORMATS[entry.format].decode(found)
    except Exception as error:  # whatever a library makes of broken content
        raise Damaged(f"{entry.name}: no {entry.format} ({type(error).__name__}: {error})") from error
    if len(lines) != entry.count:
        raise Damaged(f"{entry.name}: {len(lines)} lines, and {entry.count} were archived")
    whole = text_of(lines) if lines else b""
    if entry.sha256 and hashlib.sha256(whole).hexdigest() != entry.sha256:
        raise Damaged(f"{entry.name}: its SHA-256 is not that of what was archived")
    return whole


def crc32c(found: bytes) -> str:
    """As Cloud Storage tells it."""
    return base64.b64encode(google_crc32c.Checksum(found).digest()).decode()


def ahead(
    read: Callable[[Entry], bytes], entries: Iterable[Entry], many: int = AHEAD
) -> Generator[bytes | Damaged, None, None]:
    """What `read` gives of each, in order, so many of them ahead. Raises what it raises, other than Damaged."""
    with ThreadPoolExecutor(many, thread_name_prefix="fetch") as readers:
        fetched: deque[Future[bytes]] = deque()
        try:
            for entry in entries:
                fetched.append(readers.submit(read, entry))
                if len(fetched) > many:
                    yield _outcome(fetched.popleft())
            while fetched:
                yield _outcome(fetched.popleft())
        finally:
            for one in fetched:
                one.cancel()


def _outcome(fetched: "Future[bytes]") -> bytes | Damaged:
    try:
        return fetched.result()
    except Damaged as error:
        return error
