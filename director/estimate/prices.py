"""The price table: what a unit of each thing costs. `prices.yaml` is the one that is shipped; people may replace it.

The unit stands in the name of each price: `throughput_tib` is for one TiB, `job_month` for one job and month.
"""

from datetime import date
from functools import reduce
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from director.documents.regions import Region
from director.strict import Strict, load

SHIPPED = Path(__file__).with_name("prices.yaml")
UNITS = {
    "gib_month": "GiB-month",
    "gib_hour": "GiB-hour",
    "gib_second": "GiB-second",
    "vcpu_hour": "vCPU-hour",
    "vcpu_second": "vCPU-second",
    "job_month": "job-month",
    "version_month": "version-month",
    "condition_month": "condition-month",
    "tib": "TiB",
    "gib": "GiB",
    "thousand": "thousand",
    "100k": "100,000",
    "10k": "10,000",
}  # by the end of a price's name, longer ones first

Price = Annotated[float, Field(ge=0, le=1_000_000)]


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no day; write one as 2026-01-31, in quotes") from error


class Pubsub(Strict):
    throughput_tib: Price
    bigquery_export_tib: Price
    storage_export_tib: Price
    storage_gib_month: Price


class Bigquery(Strict):
    storage_write_gib: Price
    active_gib_month: Price
    long_term_gib_month: Price


class Classes(Strict):
    """Of Cloud Storage's classes: what is kept, and what is written."""

    standard_gib_month: Price
    nearline_gib_month: Price
    coldline_gib_month: Price
    archive_gib_month: Price
    standard_writes_thousand: Price
    nearline_writes_thousand: Price
    coldline_writes_thousand: Price
    archive_writes_thousand: Price


class Replicated(Classes):
    replication_gib: Price


class Storage(Strict):
    region: Classes
    multi_region: Replicated


class Firestore(Strict):
    storage_gib_month: Price
    reads_100k: Price
    writes_100k: Price
    deletes_100k: Price


class CloudRun(Strict):
    vcpu_second: Price
    gib_second: Price
    idle_vcpu_second: Price
    idle_gib_second: Price


class Dataflow(Strict):
    vcpu_hour: Price
    gib_hour: Price
    streaming_engine_gib: Price


class Scheduler(Strict):
    job_month: Price


class Secrets(Strict):
    version_month: Price
    accesses_10k: Price


class Monitoring(Strict):
    condition_month: Price


class Prices(Strict):
    """A whole table: of one day, one currency and one region."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    as_of: Annotated[str, AfterValidator(_day)]
    region: Region
    pubsub: Pubsub
    bigquery: Bigquery
    storage: Storage
    firestore: Firestore
    cloud_run: CloudRun
    dataflow: Dataflow
    scheduler: Scheduler
    secrets: Secrets
    monitoring: Monitoring

    def of(self, name: str) -> float:
        """By its path in the table, such as `pubsub.throughput_tib`."""
        found: float = reduce(getattr, name.split("."), self)  # type: ignore[assignment]
        return found


def unit(name: str) -> str:
    """What the price of this name is for one of."""
    return next(words for ending, words in UNITS.items() if name.endswith(ending))


def read(path: Path | None = None) -> Prices:
    """The table in a file, or the shipped one. Raises DocumentError."""
    return load(path or SHIPPED, Prices)
