"""One page of a bucket's names, with folders rolled up. Pure."""

import base64
import binascii
import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from localcloud.storage.errors import invalid
from localcloud.storage.globs import glob

Key = tuple[str, int]  # name, generation


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list: names from `start` on, before `end`, at most `limit` objects and folders."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    match: str = ""
    folder_objects: bool = False
    limit: int = 1000
    token: str = ""


@dataclass(slots=True)
class Page:
    keys: list[Key] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    token: str = ""


def page(keys: Sequence[Key], listing: Listing, shown: Callable[[Key], bool]) -> Page:
    """`keys` are sorted; those not `shown` count for nothing. Raises HttpError 400 for a bad token or pattern."""
    found = Page()
    matches = _matcher(listing.match)
    position = _start(keys, listing)
    while position < len(keys) and _within(keys[position][0], listing):
        key = keys[position]
        folder = _folder(key[0], listing)
        if not shown(key) or not matches(key[0], folder):
            position += 1
            continue
        if len(found.keys) + len(found.folders) >= listing.limit:
            found.token = _token(keys[position - 1])
            break
        if folder and found.folders[-1:] != [folder]:
            found.folders.append(folder)
        if not folder or (listing.folder_objects and key[0] == folder):
            found.keys.append(key)
            position += 1
        else:
            position = bisect_left(keys, (_after(folder), 0))
    return found


def _within(name: str, listing: Listing) -> bool:
    return name.startswith(listing.prefix) and not (listing.end and name >= listing.end)


def _folder(name: str, listing: Listing) -> str:
    """The name up to the first delimiter after the prefix, or empty."""
    if not listing.delimiter:
        return ""
    cut = name.find(listing.delimiter, len(listing.prefix))
    return name[: cut + len(listing.delimiter)] if cut >= 0 else ""


def _matcher(pattern: str) -> Callable[[str, str], bool]:
    """Whether a name, or the folder it is rolled up into, fits the pattern; a folder also without its last slash."""
    if not pattern:
        return lambda name, folder: True
    fits = glob(pattern).fullmatch
    return lambda name, folder: bool(fits(folder) or fits(folder.rstrip("/")) if folder else fits(name))


def _start(keys: Sequence[Key], listing: Listing) -> int:
    first = bisect_left(keys, (max(listing.prefix, listing.start), 0))
    if not listing.token:
        return first
    try:
        name, generation = json.loads(base64.urlsafe_b64decode(listing.token))
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid pageToken") from error
    return max(first, bisect_left(keys, (name, generation + 1)))


def _token(last: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _after(folder: str) -> str:
    """The least text above everything that begins with `folder`."""
    return folder[:-1] + chr(ord(folder[-1]) + 1)
