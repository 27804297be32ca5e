"""The live state: buckets, the objects on their shelves, unfinished uploads. Changed only by applying changes."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from localcloud.storage.listing import Key
from localcloud.storage.model import Bucket, Change, NoBucket, NoObject, NoUpload, StoredObject, Upload


class Shelf:
    """The objects of one bucket: every generation kept, the live one of each name, and the names in order."""

    def __init__(self) -> None:
        self.all: dict[Key, StoredObject] = {}
        self.live: dict[str, StoredObject] = {}
        self.keys: list[Key] = []

    def put(self, item: StoredObject) -> None:
        if item.key not in self.all:
            insort(self.keys, item.key)
        self.all[item.key] = item
        if item.deleted is None:
            self.live[item.name] = item
        else:
            self._no_longer_live(item)

    def remove(self, key: Key) -> None:
        item = self.all.pop(key)
        del self.keys[bisect_left(self.keys, key)]
        self._no_longer_live(item)

    def _no_longer_live(self, item: StoredObject) -> None:
        live = self.live.get(item.name)
        if live and live.generation == item.generation:
            del self.live[item.name]


class Tables:
    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.shelves: dict[str, Shelf] = {}
        self.uploads: dict[str, Upload] = {}

    def apply(self, change: Change) -> None:
        match change:
            case StoredObject():
                self.shelves[change.bucket].put(change)
            case NoObject():
                self.shelves[change.bucket].remove((change.name, change.generation))
            case Upload():
                self.uploads[change.id] = change
            case NoUpload():
                del self.uploads[change.id]
            case Bucket():
                self.buckets[change.name] = change
                self.shelves.setdefault(change.name, Shelf())
            case NoBucket():
                del self.buckets[change.name], self.shelves[change.name]

    def changes(self) -> Iterator[Change]:
        """The fewest changes that lead here from nothing."""
        yield from self.buckets.values()
        for shelf in self.shelves.values():
            yield from shelf.all.values()
        yield from self.uploads.values()

    def contents(self) -> set[str]:
        """The keys of all bytes still needed."""
        objects = {item.content for shelf in self.shelves.values() for item in shelf.all.values()}
        return objects | {upload.content for upload in self.uploads.values() if upload.generation is None}
