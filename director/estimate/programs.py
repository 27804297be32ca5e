"""What programs cost that Google runs: Cloud Run by instances, Dataflow by workers and their machines. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from director.documents.specs.dataflow_jobs import DataflowJob
from director.documents.specs.run import CloudRunJob, CloudRunService, mebibytes
from director.estimate.charges import Charge, Item, Scene, Unpriced, gib_a_month
from director.estimate.units import HOURS, SECONDS, readable

_MACHINE = re.compile(r"(n1|n2|e2)-standard-([1-9]\d{0,2})", re.ASCII)
_SIZES = {
    "n1": (3.75, (1, 2, 4, 8, 16, 32, 64, 96)),
    "n2": (4.0, (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)),
    "e2": (4.0, (2, 4, 8, 16, 32)),
}  # GiB of memory to a vCPU, and how many of these there are; cloud.google.com/compute/docs/general-purpose-machines


@dataclass(frozen=True, slots=True)
class Machine:
    vcpus: int
    gib: float


def machine(name: str) -> Machine | None:
    """What a machine type has; None for one that is not known here."""
    found = _MACHINE.fullmatch(name)
    if not found:
        return None
    gib, sizes = _SIZES[found[1]]
    vcpus = int(found[2])
    return Machine(vcpus, vcpus * gib) if vcpus in sizes else None


def cloud_run_service(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    """Instances that are always there; more come with the load, unless the usage says how many."""
    spec: CloudRunService = item.spec
    said = scene.usage.cloud_run_services.get(spec.name)
    always = item.state.cpu_always_allocated
    instances = float(item.state.min_instances) if said is None else said.instances
    if instances:
        whose = "at the least" if said is None else "on the average, as the usage says"
        assumption = f"{readable(instances)} with {spec.cpu} CPU and {spec.memory} {whose}"
        yield from _instances(spec, "" if always else "idle_", instances * SECONDS, assumption)
    if not always:
        yield Unpriced("requests", "what they cost beyond waiting instances depends on how long each takes")
    elif said is None:
        what = f"say cloud_run_services.{spec.name}.instances in a usage file for the average"
        yield Unpriced("more instances under load", what)


def cloud_run_job(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: CloudRunJob = item.spec
    said = scene.usage.cloud_run_jobs.get(spec.name)
    if said is None:
        yield Unpriced("executions", f"say cloud_run_jobs.{spec.name}.task_hours, of a month, in a usage file")
    elif said.task_hours:
        assumption = f"{readable(said.task_hours)} hours with {spec.cpu} CPU and {spec.memory}"
        yield from _instances(spec, "", said.task_hours * 3600, assumption)


def _instances(
    spec: CloudRunService | CloudRunJob, kind: str, seconds: float, assumption: str
) -> Iterator[Charge | Unpriced]:
    what = "waiting " if kind else ""
    yield Charge(f"{what}CPU", f"cloud_run.{kind}vcpu_second", int(spec.cpu) * seconds, assumption)
    gib = mebibytes(spec.memory) / 1024
    yield Charge(f"{what}memory", f"cloud_run.{kind}gib_second", gib * seconds, assumption)


def dataflow_job(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: DataflowJob = item.spec
    said = scene.usage.dataflow_jobs.get(spec.name)
    workers = float(spec.num_workers or 1) if said is None else said.workers
    found = machine(spec.machine_type) if spec.machine_type else None
    if found is None:
        which = f"what {spec.machine_type} has is not known here" if spec.machine_type else "their type is not said"
        yield Unpriced("workers", f"{which}; write a machine_type such as n1-standard-2")
    elif workers:
        assumption = (
            f"{readable(workers)} x {spec.machine_type} all the time{'' if said is None else ', as the usage says'}"
        )
        yield Charge("worker CPU", "dataflow.vcpu_hour", found.vcpus * workers * HOURS, assumption)
        yield Charge("worker memory", "dataflow.gib_hour", found.gib * workers * HOURS, assumption)
    yield Unpriced("workers' disks", "the price table has none")
    if spec.streaming_engine is not False:
        yield from _streaming_engine(scene, spec)


def _streaming_engine(scene: Scene, spec: DataflowJob) -> Iterator[Charge | Unpriced]:
    if spec.service is None:
        yield Unpriced("Streaming Engine", "which service of the dataflow it runs is not said, so neither what it gets")
        return
    gets = scene.flow.service(spec.service)
    if gets.messages:
        assumption = f"{gets}, all that {spec.service} gets, once"
        yield Charge("Streaming Engine", "dataflow.streaming_engine_gib", gib_a_month(gets), assumption)
