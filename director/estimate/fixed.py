"""What costs the same however much flows: scheduler jobs, secrets, alert policies. Pure."""

from collections.abc import Iterator

from director.documents.specs.monitoring import AlertPolicy
from director.documents.specs.secrets import Secret
from director.estimate.charges import Charge, Item, Scene, Unpriced
from director.estimate.units import HOURS, readable
from director.estimate.usage import SecretUse


def scheduler_job(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    yield Charge("there", "scheduler.job_month", 1, "however often it runs, and paused too")


def secret(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Secret = item.spec
    if not spec.create:
        yield Unpriced("versions", "the secret is somebody else's")
        return
    use = scene.usage.secrets.get(spec.name) or SecretUse()
    places = max(1, len(spec.locations))
    if use.versions:
        assumption = f"{use.versions} not destroyed, in {places} place{'s' if places > 1 else ''}"
        yield Charge("versions", "secrets.version_month", use.versions * places, assumption)
    if use.accesses_per_hour:
        assumption = f"{readable(use.accesses_per_hour)} an hour, as the usage says"
        yield Charge("accesses", "secrets.accesses_10k", use.accesses_per_hour * HOURS / 10_000, assumption)


def alert_policy(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: AlertPolicy = item.spec
    yield Charge("conditions", "monitoring.condition_month", len(spec.conditions), "as written")
