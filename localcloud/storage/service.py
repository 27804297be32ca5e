"""Cloud Storage's JSON API on one machine."""

from collections.abc import Sequence
from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.rest import RestService
from localcloud.rpc import RpcService
from localcloud.storage.batch_routes import BatchRoutes
from localcloud.storage.bucket_routes import BucketRoutes
from localcloud.storage.buckets import Buckets
from localcloud.storage.contents import Contents, FileContents, MemoryContents
from localcloud.storage.copy_routes import CopyRoutes
from localcloud.storage.ledger import Ledger
from localcloud.storage.object_routes import ObjectRoutes
from localcloud.storage.objects import Objects
from localcloud.storage.other_routes import OtherRoutes
from localcloud.storage.upload_routes import UploadRoutes
from localcloud.storage.uploads import Uploads


class Storage:
    """`data` keeps buckets, objects and unfinished uploads over restarts; without it they are in memory."""

    def __init__(self, clock: Clock, faults: Faults, data: Path | None) -> None:
        self._ledger = Ledger(data and data / "journal")
        contents: Contents = FileContents(data / "contents") if data else MemoryContents()
        contents.keep_only(self._ledger.tables.contents())
        objects = Objects(self._ledger, contents, clock)
        uploads = Uploads(self._ledger, contents, objects, clock)
        self._rests = [
            BucketRoutes(Buckets(self._ledger, clock), faults),
            ObjectRoutes(objects, contents, faults),
            UploadRoutes(objects, uploads, contents, faults),
            CopyRoutes(objects, contents, faults),
            BatchRoutes(faults),
            OtherRoutes(faults),
        ]

    def rpcs(self) -> Sequence[RpcService]:
        return []

    def rests(self) -> Sequence[RestService]:
        return self._rests

    async def run(self) -> None:
        return None

    def close(self) -> None:
        self._ledger.close()
