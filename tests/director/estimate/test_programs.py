"""What Cloud Run and Dataflow cost."""

import pytest

from director.estimate.programs import Machine, machine
from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

SECONDS = 730 * 3600


def service(more: str) -> str:
    return f"""
cloud_run_services:
  - name: worker
    image: registry/worker:1
    cpu: 2
    memory: 1Gi
{more}
"""


BATCH = """
cloud_run_jobs:
  - {name: nightly, image: 'registry/nightly:1', service_account: job-sa, cpu: 1, memory: 512Mi}
"""


def streaming(more: str) -> str:
    return f"""
dataflow_jobs:
  - name: stream
    template: gs://plant-templates/stream.json
    service: job
{more}
"""


def test_one_that_consumes_always_has_an_instance_with_its_cpu() -> None:
    found = lines(plant(TOPICS + service("    service: job")))
    assert found["worker", "CPU"].quantity == 2 * SECONDS
    assert found["worker", "memory"].quantity == SECONDS
    assert found["worker", "CPU"].price == "cloud_run.vcpu_second"
    more = gaps(plant(TOPICS + service("    service: job")))["worker", "more instances under load"]
    assert "cloud_run_services.worker.instances" in more


def test_as_many_instances_are_reckoned_as_the_usage_says() -> None:
    said = usage(cloud_run_services={"worker": {"instances": 2.5}})
    found = lines(plant(TOPICS + service("    service: job")), said)
    assert found["worker", "CPU"].quantity == 2 * 2.5 * SECONDS


def test_instances_that_wait_for_requests_cost_less_and_requests_are_not_reckoned() -> None:
    waiting = service("    service_account: store-sa\n    min_instances: 3")
    found = lines(plant(TOPICS + waiting))
    assert found["worker", "waiting CPU"].quantity == 6 * SECONDS
    assert found["worker", "waiting memory"].price == "cloud_run.idle_gib_second"
    assert ("worker", "requests") in gaps(plant(TOPICS + waiting))


def test_one_that_starts_on_request_costs_nothing_before() -> None:
    found = lines(plant(TOPICS + service("    service_account: store-sa")))
    assert not any(name == "worker" for name, _ in found)


def test_a_job_costs_for_the_hours_of_its_tasks_that_people_say() -> None:
    assert "cloud_run_jobs.nightly.task_hours" in gaps(plant(TOPICS + BATCH))["nightly", "executions"]
    found = lines(plant(TOPICS + BATCH), usage(cloud_run_jobs={"nightly": {"task_hours": 10}}))
    assert (found["nightly", "CPU"].quantity, found["nightly", "memory"].quantity) == (36_000, 18_000)


def test_workers_cost_for_their_machines_and_streaming_engine_for_what_they_get() -> None:
    found = lines(plant(TOPICS + streaming("    machine_type: n1-standard-2\n    num_workers: 3")))
    assert found["stream", "worker CPU"].quantity == 2 * 3 * 730
    assert found["stream", "worker memory"].quantity == 7.5 * 3 * 730
    assert found["stream", "Streaming Engine"].quantity == pytest.approx(100 * 500 * SECONDS / 2**30)


def test_without_streaming_engine_there_is_nothing_to_pay_for_it() -> None:
    found = lines(plant(TOPICS + streaming("    machine_type: e2-standard-4\n    streaming_engine: false")))
    assert {what for name, what in found if name == "stream"} == {"worker CPU", "worker memory"}


def test_the_usage_says_how_many_workers_there_are() -> None:
    said = usage(dataflow_jobs={"stream": {"workers": 0.5}})
    found = lines(plant(TOPICS + streaming("    machine_type: n2-standard-2")), said)
    assert found["stream", "worker CPU"].quantity == 730


@pytest.mark.parametrize(
    ("written", "why"),
    [("    machine_type: m9-huge-7", "what m9-huge-7 has is not known here"), ("", "their type is not said")],
)
def test_workers_of_an_unknown_type_are_not_reckoned_and_told(written: str, why: str) -> None:
    blueprint = plant(TOPICS + streaming(written))
    assert why in gaps(blueprint)["stream", "workers"]
    assert ("stream", "worker CPU") not in lines(blueprint)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("n1-standard-4", Machine(4, 15)),
        ("n2-standard-48", Machine(48, 192)),
        ("e2-standard-2", Machine(2, 8)),
        ("e2-standard-64", None),
        ("n1-standard-3", None),
        ("n1-highmem-4", None),
        ("n1-standard-04", None),
    ],
)
def test_machine_types_are_known_by_their_names(name: str, known: Machine | None) -> None:
    assert machine(name) == known
