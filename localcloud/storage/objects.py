"""Objects: inserted, changed and deleted by generation, each under its conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from localcloud.clock import Clock
from localcloud.storage.conditions import NONE, Conditions
from localcloud.storage.contents import Contents
from localcloud.storage.digests import Digests
from localcloud.storage.errors import kept, no_bucket, no_object
from localcloud.storage.ledger import Ledger
from localcloud.storage.listing import Listing, page
from localcloud.storage.model import Bucket, Change, NoObject, StoredObject, Upload
from localcloud.storage.names import object_name
from localcloud.storage.settings import Json, checked_object, merged, object_settings, retention_period
from localcloud.storage.tables import Shelf
from localcloud.storage.times import rfc3339


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes that are all there, waiting to become an object."""

    content: str
    size: int
    digests: Digests
    components: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a listing."""

    items: list[StoredObject]
    folders: list[str]
    token: str


class Objects:
    """Every method raises HttpError when Cloud Storage would refuse."""

    def __init__(self, ledger: Ledger, contents: Contents, clock: Clock) -> None:
        self._ledger = ledger
        self._contents = contents
        self._clock = clock
        shelves = ledger.tables.shelves.values()
        self._last_generation = max((generation for shelf in shelves for _, generation in shelf.keys), default=0)

    def bucket(self, name: str) -> Bucket:
        bucket = self._ledger.tables.buckets.get(name)
        if bucket is None:
            raise no_bucket()
        return bucket

    def check_insert(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Raises what `insert` would raise now."""
        object_name(name)
        live = self._shelf(bucket).live.get(name)
        conditions.hold_for(live.generation if live else 0, live.metageneration if live else 0)
        if live and not self.bucket(bucket).versioned:
            self._must_not_be_kept(live)

    def insert(
        self,
        bucket: str,
        name: str,
        body: Body,
        settings: Json,
        conditions: Conditions,
        upload: Upload | None = None,
    ) -> StoredObject:
        """The new live object, which owns `body`; `upload` is marked as done by it. A refused body is dropped."""
        try:
            self.check_insert(bucket, name, conditions)
            item = self._new(self.bucket(bucket), name, body, settings)
        except Exception:
            self._contents.drop(body.content)
            raise
        live = self._shelf(bucket).live.get(name)
        done = [replace(upload, generation=item.generation)] if upload else []
        self._commit(*self._retired(live), item, *done)
        return item

    def get(self, bucket: str, name: str, generation: int | None = None, conditions: Conditions = NONE) -> StoredObject:
        item = self._existing(bucket, name, generation)
        conditions.hold_for_read(item.generation, item.metageneration)
        return item

    def patch(
        self, bucket: str, name: str, changes: Mapping[str, Any], generation: int | None, conditions: Conditions
    ) -> StoredObject:
        item = self._existing(bucket, name, generation)
        return self._changed(item, merged(item.settings, object_settings(changes)), conditions)

    def update(
        self, bucket: str, name: str, resource: Mapping[str, Any], generation: int | None, conditions: Conditions
    ) -> StoredObject:
        """Replaces all settings."""
        item = self._existing(bucket, name, generation)
        settings = {"storageClass": item.settings["storageClass"], **object_settings(resource)}
        return self._changed(item, settings, conditions)

    def delete(self, bucket: str, name: str, generation: int | None, conditions: Conditions) -> None:
        """Without a generation, in a versioned bucket, the live object becomes noncurrent instead."""
        item = self._existing(bucket, name, generation)
        conditions.hold_for(item.generation, item.metageneration)
        if generation is None:
            self._commit(*self._retired(item))
        else:
            self._must_not_be_kept(item)
            self._commit(NoObject(bucket, name, generation))

    def page(self, bucket: str, listing: Listing, versions: bool) -> Found:
        shelf = self._shelf(bucket)
        found = page(shelf.keys, listing, lambda key: versions or shelf.all[key].deleted is None)
        return Found([shelf.all[key] for key in found.keys], found.folders, found.token)

    def _shelf(self, bucket: str) -> Shelf:
        shelf = self._ledger.tables.shelves.get(bucket)
        if shelf is None:
            raise no_bucket()
        return shelf

    def _existing(self, bucket: str, name: str, generation: int | None) -> StoredObject:
        shelf = self._shelf(bucket)
        item = shelf.live.get(name) if generation is None else shelf.all.get((name, generation))
        if item is None:
            raise no_object(bucket, name)
        return item

    def _new(self, bucket: Bucket, name: str, body: Body, settings: Json) -> StoredObject:
        now = self._clock.time()
        defaults = {"storageClass": bucket.settings["storageClass"]}
        if bucket.settings.get("defaultEventBasedHold"):
            defaults["eventBasedHold"] = True
        self._last_generation = max(self._last_generation + 1, int(now * 1e6))
        return StoredObject(
            bucket=bucket.name,
            name=name,
            generation=self._last_generation,
            metageneration=1,
            content=body.content,
            size=body.size,
            crc32c=body.digests.crc32c,
            md5=body.digests.md5,
            created=now,
            updated=now,
            deleted=None,
            components=body.components,
            settings=checked_object({**defaults, **settings}),
        )

    def _changed(self, item: StoredObject, settings: Json, conditions: Conditions) -> StoredObject:
        conditions.hold_for(item.generation, item.metageneration)
        changed = replace(
            item,
            settings=checked_object(settings),
            metageneration=item.metageneration + 1,
            updated=self._clock.time(),
        )
        self._commit(changed)
        return changed

    def _retired(self, live: StoredObject | None) -> list[Change]:
        """What becomes of a live object that is live no longer."""
        if live is None:
            return []
        if self.bucket(live.bucket).versioned:
            return [replace(live, deleted=self._clock.time())]
        self._must_not_be_kept(live)
        return [NoObject(live.bucket, live.name, live.generation)]

    def _must_not_be_kept(self, item: StoredObject) -> None:
        for hold in ("temporaryHold", "eventBasedHold"):
            if item.settings.get(hold):
                raise kept(item.bucket, item.name, f"is under active {hold}")
        period = retention_period(self.bucket(item.bucket).settings)
        if period is not None and self._clock.time() < item.created + period:
            until = rfc3339(item.created + period)
            raise kept(item.bucket, item.name, f"is subject to bucket's retention policy until {until}")

    def _commit(self, *changes: Change) -> None:
        """Bytes go only after the record that they are gone, and stay when there is none."""
        gone = [change for change in changes if isinstance(change, NoObject)]
        dropped = [self._shelf(change.bucket).all[change.name, change.generation].content for change in gone]
        self._ledger.commit(*changes)
        for content in dropped:
            self._contents.drop(content)
