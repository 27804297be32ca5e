"""What Cloud Storage costs: objects by their class as lifecycle rules move them, and the writing of them. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from director.documents.regions import REGIONS
from director.documents.specs.pubsub import Subscription
from director.documents.specs.storage import Bucket
from director.estimate.charges import Charge, Item, Kept, Scene, Unpriced, gib_a_month, kept
from director.estimate.flow import Rate, producers, total
from director.estimate.units import GIB, HOURS, SECONDS, readable
from director.estimate.usage import BucketUse
from director.strict import written

CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")  # from warm to cold: rules move one way only
DAY = timedelta(days=1)


def bucket(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Bucket = item.spec
    use = scene.usage.buckets.get(spec.name) or BucketUse()
    exports = [one for one in scene.resources.subscriptions if one.cloud_storage and _into(one, spec)]
    exported = total(scene.flow.topics[one.topic].rate for one in exports)
    sent = scene.flow.of(producers(spec))
    comes = sent + exported
    if not comes.messages:
        yield Unpriced("objects", "nothing is assumed to be written to it")
        return
    table = _table(scene, spec)
    objects = comes * use.stored_share
    yield from _stored(table, objects, spec, _kept(spec, use.stored_months), f"{comes}{_shrunk(use)}")
    if table == "storage.multi_region":
        yield Charge("replicated", f"{table}.replication_gib", gib_a_month(objects), "all that is written")
    yield from _written(scene, item, table, exports, bool(sent.messages))


def _into(subscription: Subscription, spec: Bucket) -> bool:
    return subscription.cloud_storage is not None and subscription.cloud_storage.bucket == spec.name


def _table(scene: Scene, spec: Bucket) -> str:
    location = spec.location or scene.blueprint.architecture.location
    return "storage.region" if location in REGIONS else "storage.multi_region"


def _shrunk(use: BucketUse) -> str:
    return "" if use.stored_share == 1 else f", {readable(use.stored_share)} of which is kept"


def _kept(spec: Bucket, stored_months: float | None) -> Kept:
    """Until a rule deletes it, and never shorter than nobody may."""
    deleted = min((age for action, age in _ages(spec) if action == "Delete"), default=None)
    stay = kept(stored_months, deleted)
    held = spec.retention_policy.duration if spec.retention_policy else timedelta()
    if held.total_seconds() > stay.seconds:
        stay = Kept(held.total_seconds(), f"the last {written(held)}, which the retention holds")
    if deleted is not None and spec.soft_delete_policy and spec.soft_delete_policy.duration:
        after = spec.soft_delete_policy.duration
        stay = Kept(stay.seconds + after.total_seconds(), f"{stay.words}, and {written(after)} of what was deleted")
    return stay


def _ages(spec: Bucket) -> Iterator[tuple[str, timedelta]]:
    """What rules do to an object by its age alone: their action, or the class they move it to; others do not count."""
    for rule in spec.lifecycle_rules:
        condition = rule.condition
        of_live = condition.said <= {"age_in_days", "is_live"} and condition.is_live is not False
        if condition.age_in_days is not None and of_live:
            yield rule.action.storage_class or rule.action.type, condition.age_in_days * DAY


def _stored(table: str, objects: Rate, spec: Bucket, stay: Kept, comes: str) -> Iterator[Charge]:
    for name, seconds in _by_class(spec, stay.seconds).items():
        quantity = objects.bytes * seconds / GIB
        yield Charge(f"stored as {name}", f"{table}.{name.lower()}_gib_month", quantity, f"{comes}, {stay.words}")


def _by_class(spec: Bucket, seconds: float) -> dict[str, float]:
    """How long an object is of each class, of all the time it is kept."""
    first = CLASSES.index(spec.storage_class)
    moves = [(age.total_seconds(), CLASSES.index(name)) for name, age in _ages(spec) if name in CLASSES]
    coldest, steps = first, [(0.0, first)]
    for age, place in sorted(moves):
        if place > coldest and age < seconds:
            coldest = place
            steps.append((age, place))
    found: dict[str, float] = {}
    for (begin, place), (end, _) in pairwise([*steps, (seconds, coldest)]):
        if end > begin:
            found[CLASSES[place]] = end - begin
    return found


def _written(
    scene: Scene, item: Item, table: str, exports: list[Subscription], sent: bool
) -> Iterator[Charge | Unpriced]:
    """By Pub/Sub at least as often as it finishes a file; how often services do, only people know."""
    price = f"{table}.{item.spec.storage_class.lower()}_writes_thousand"
    said = (scene.usage.buckets.get(item.spec.name) or BucketUse()).objects_per_hour
    if said is not None:
        if said:
            yield Charge("objects written", price, said * HOURS / 1000, f"{readable(said)} an hour, as the usage says")
        return
    if sent:
        yield Unpriced("objects written", f"say buckets.{item.spec.name}.objects_per_hour in a usage file")
    often = sum(_files(scene, one) for one in exports)
    if often:
        yield Charge("objects written", price, often * SECONDS / 1000, "one file at a time for each subscription")


def _files(scene: Scene, subscription: Subscription) -> float:
    """How many a second, at least."""
    way, rate = subscription.cloud_storage, scene.flow.topics[subscription.topic].rate
    if way is None or not rate.messages:
        return 0.0
    by_bytes = rate.bytes / way.max_bytes if way.max_bytes else 0.0
    by_messages = rate.messages / way.max_messages if way.max_messages else 0.0
    return min(rate.messages, max(1 / way.max_duration.total_seconds(), by_bytes, by_messages))
