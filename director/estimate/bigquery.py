"""What BigQuery costs: what services write to tables, and what lies in them; what queries read is not known. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from director.documents.specs.bigquery import Table
from director.estimate.charges import Charge, Item, Kept, Scene, Unpriced, gib_a_month, kept
from director.estimate.flow import Rate, producers, total
from director.estimate.units import GIB
from director.estimate.usage import TableUse, full_name
from director.strict import written

LONG_TERM = timedelta(days=90).total_seconds()  # without a change, after which a partition costs less


def table(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Table = item.spec
    use = scene.usage.tables.get(full_name(spec)) or TableUse()
    sent, exported = (
        (rate * use.share).of_size(use.row_bytes) for rate in (scene.flow.of(producers(spec)), _exported(scene, spec))
    )
    rows = sent + exported
    if not rows.messages:
        yield Unpriced("rows", "nothing is assumed to be written to it")
        return
    if sent.messages:
        assumption = f"{_rows(sent)}, by the Storage Write API"
        yield Charge("written", "bigquery.storage_write_gib", gib_a_month(sent), assumption)
    yield from _stored(rows, _kept(scene, spec, use.stored_months), spec.partitioned)


def _rows(rate: Rate) -> str:
    return str(rate).replace("messages/s", "rows/s")


def _exported(scene: Scene, spec: Table) -> Rate:
    """What Pub/Sub itself writes to it, for which it is paid."""
    known = (spec.name, f"{spec.dataset}.{spec.name}")
    subscriptions = (one for one in scene.resources.subscriptions if one.bigquery and one.bigquery.table in known)
    return total(scene.flow.topics[one.topic].rate for one in subscriptions)


def _kept(scene: Scene, spec: Table, stored_months: float | None) -> Kept:
    """Partitions go one by one, so in the long run as much is there as comes until then; a table goes as a whole."""
    dataset = next(one for one in scene.resources.bigquery_datasets if one.name == spec.dataset)
    of_partitions = spec.time_partitioning_expiration or dataset.default_partition_expiration
    of_table = spec.expiration or dataset.default_table_expiration
    if spec.partitioned and of_partitions:
        return kept(stored_months, of_partitions)
    stay = kept(stored_months)
    if of_table and of_table.total_seconds() < stay.seconds:
        return Kept(of_table.total_seconds(), f"{written(of_table)} until the table expires")
    return stay


def _stored(rows: Rate, stay: Kept, partitioned: bool) -> Iterator[Charge]:
    """A table without partitions changes all the time, so nothing in it ever becomes long-term."""
    active = min(stay.seconds, LONG_TERM) if partitioned else stay.seconds
    assumption = f"{_rows(rows)}, {stay.words}"
    yield Charge("stored", "bigquery.active_gib_month", rows.bytes * active / GIB, assumption)
    if stay.seconds > active:
        older = rows.bytes * (stay.seconds - active) / GIB
        yield Charge("stored, unchanged for 90d", "bigquery.long_term_gib_month", older, assumption)
