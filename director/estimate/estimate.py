"""What a dataflow costs in a month, or what a plan adds: line by line, and what is not reckoned and why. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib import import_module

from director import keys
from director.documents.kinds import kinds
from director.documents.loading import Blueprint
from director.errors import Misconfigured
from director.estimate import bigquery, firestore, fixed, programs, pubsub, storage
from director.estimate.charges import WHOLE, Charge, Item, Rule, Scene, Unpriced
from director.estimate.flow import Flow, flow
from director.estimate.prices import Prices, unit
from director.estimate.usage import Usage
from director.keys import Key
from director.provisioning.base import Context

CENT = Decimal("0.01")

RULES: Mapping[str, Rule] = {
    keys.TOPICS: pubsub.topic,
    keys.SUBSCRIPTIONS: pubsub.subscription,
    keys.TABLES: bigquery.table,
    keys.BUCKETS: storage.bucket,
    keys.COLLECTIONS: firestore.collection,
    keys.SCHEDULER_JOBS: fixed.scheduler_job,
    keys.SECRETS: fixed.secret,
    keys.CLOUD_RUN_SERVICES: programs.cloud_run_service,
    keys.CLOUD_RUN_JOBS: programs.cloud_run_job,
    keys.DATAFLOW_JOBS: programs.dataflow_job,
    keys.ALERT_POLICIES: fixed.alert_policy,
}
UNPRICED: Mapping[str, str] = {
    keys.SCHEMAS: "Pub/Sub takes nothing for schemas",
    keys.DATASETS: "what its tables cost stands with them",
    keys.VIEWS: "it stores nothing; what queries read is not reckoned",
    keys.DATABASES: "what its collections cost stands with them; backups and point-in-time recovery are not reckoned",
    keys.INDEXES: "the size of its entries is not known",
    keys.TTLS: "how many documents it deletes is not known",
    keys.SERVICE_ACCOUNTS: "IAM takes nothing for service accounts",
    keys.CHANNELS: "Cloud Monitoring takes nothing for channels",
}  # kinds without a rule, and why


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a resource costs, in a month. `price` is where in the table its unit price stands."""

    kind: str
    name: str
    what: str
    quantity: float
    unit: str
    price: str
    unit_price: float
    per_month: Decimal
    assumption: str

    @property
    def key(self) -> Key:
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Gap:
    """Something of a resource that is not in the estimate."""

    kind: str
    name: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a whole dataflow, or of the resources that a plan creates."""

    architecture: str
    environment: str | None
    region: str
    dataflow: str
    of_plan: bool
    prices: Prices
    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    flow: Flow

    @property
    def total(self) -> Decimal:
        """The sum of the lines as they are shown."""
        return sum((line.per_month for line in self.lines), Decimal("0.00"))


def estimate(
    blueprint: Blueprint, dataflow: str, usage: Usage, prices: Prices, only: Collection[Key] | None = None
) -> Estimate:
    """With `only`, of these resources alone, in the flow of all.

    Raises Misconfigured where the usage says too little, and for one of `only` that is not in the document.
    """
    scene = Scene(blueprint, dataflow, flow(blueprint.architecture, dataflow, usage), usage)
    items = list(_items(blueprint, dataflow))
    if only is not None:
        items = _chosen(items, dataflow, only)
    found = [(item, one) for item in items for one in _reckoned(scene, item)]
    return Estimate(
        architecture=blueprint.architecture.name,
        environment=blueprint.environment,
        region=blueprint.architecture.region,
        dataflow=dataflow,
        of_plan=only is not None,
        prices=prices,
        lines=tuple(sorted(_lines(found, prices), key=lambda line: (line.kind, line.name, line.what))),
        gaps=tuple(sorted(_gaps(found), key=lambda gap: (gap.kind, gap.name, gap.what))),
        flow=scene.flow,
    )


def _items(blueprint: Blueprint, dataflow: str) -> Iterator[Item]:
    """Each resource under the name that plans know it by."""
    context = Context(blueprint.architecture, dataflow, blueprint.seeds)
    resources = blueprint.architecture.dataflows[dataflow].resources
    for kind in kinds().values():
        for spec in getattr(resources, kind.name):
            wanted = import_module(kind.code).wanted(context, spec)
            yield Item(kind.name, wanted.full_name, spec, wanted.state)


def _chosen(items: Iterable[Item], dataflow: str, only: Collection[Key]) -> list[Item]:
    found = {(item.kind, item.name): item for item in items}
    for kind, name in sorted(set(only) - set(found)):
        raise Misconfigured(
            f"{kind} {name} of the plan is not in dataflow '{dataflow}' of this document; take the document and the "
            "environment that it was made of, or plan again"
        )
    return [item for key, item in found.items() if key in only]


def _reckoned(scene: Scene, item: Item) -> Iterable[Charge | Unpriced]:
    rule = RULES.get(item.kind)
    if rule is None:
        return [Unpriced(WHOLE, UNPRICED.get(item.kind, "there is no rule for this kind"))]
    return rule(scene, item)


def _lines(found: Iterable[tuple[Item, Charge | Unpriced]], prices: Prices) -> Iterator[Line]:
    for item, charge in found:
        if isinstance(charge, Charge):
            price = prices.of(charge.price)
            cost = Decimal(charge.quantity * price).quantize(CENT, ROUND_HALF_UP)
            yield Line(
                item.kind, item.name, charge.what, charge.quantity, unit(charge.price), charge.price, price, cost,
                charge.assumption,
            )  # fmt: skip


def _gaps(found: Iterable[tuple[Item, Charge | Unpriced]]) -> Iterator[Gap]:
    for item, one in found:
        if isinstance(one, Unpriced):
            yield Gap(item.kind, item.name, one.what, one.why)
