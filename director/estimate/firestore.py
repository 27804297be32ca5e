"""What Firestore costs: the seeds that lie in a collection, and what services are said to read and write. Pure."""

import json
from collections.abc import Iterator

from director.documents.specs.firestore import Collection
from director.estimate.charges import Charge, Item, Scene, Unpriced
from director.estimate.units import GIB, SECONDS, readable
from director.estimate.usage import CollectionUse

OVERHEAD = 32  # bytes of each document beyond its names and fields; cloud.google.com/firestore/docs/storage-size


def collection(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Collection = item.spec
    said = scene.usage.collections.get(spec.name)
    use = said or CollectionUse()
    if use.stored_gib is not None:
        yield Charge("stored", "firestore.storage_gib_month", use.stored_gib, "as the usage says")
    elif seeds := scene.blueprint.seeds.get((scene.dataflow, spec.name)):
        size = sum(len(name.encode()) + len(json.dumps(one).encode()) + OVERHEAD for name, one in seeds.items())
        yield Charge("stored", "firestore.storage_gib_month", size / GIB, f"its {len(seeds):,} seeds, without indexes")
    for what, often in (
        ("reads", use.reads_per_second),
        ("writes", use.writes_per_second),
        ("deletes", use.deletes_per_second),
    ):
        if often:
            quantity = often * SECONDS / 100_000
            yield Charge(what, f"firestore.{what}_100k", quantity, f"{readable(often)} a second, as the usage says")
    if said is None and spec.links:
        yield Unpriced("reads and writes", f"say collections.{spec.name}.reads_per_second in a usage file")
