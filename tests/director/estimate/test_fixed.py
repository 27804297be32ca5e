"""What costs the same however much flows."""

from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

SECRETS = """
secrets:
  - {name: made, create: true, locations: [europe-west1, europe-west4]}
  - {name: theirs}
"""
ALERTS = """
alert_policies:
  - name: backlog
    conditions:
      - {name: one, promql: {query: up}}
      - {name: two, promql: {query: down}}
"""
JOB = "\ncloud_scheduler_jobs: [{name: tick, schedule: '* * * * *', topic: readings, data: x, paused: true}]\n"


def test_a_scheduler_job_costs_for_being_there() -> None:
    found = lines(plant(TOPICS + JOB))["tick", "there"]
    assert (found.quantity, found.unit) == (1, "job-month")


def test_a_secret_costs_for_each_version_in_each_place() -> None:
    assert lines(plant(TOPICS + SECRETS))["made", "versions"].quantity == 2
    said = usage(secrets={"made": {"versions": 3, "accesses_per_hour": 1000}})
    found = lines(plant(TOPICS + SECRETS), said)
    assert found["made", "versions"].quantity == 6
    assert found["made", "accesses"].quantity == 73


def test_the_secrets_of_others_are_not_reckoned() -> None:
    assert gaps(plant(TOPICS + SECRETS))["theirs", "versions"] == "the secret is somebody else's"


def test_an_alert_policy_costs_for_its_conditions() -> None:
    assert lines(plant(TOPICS + ALERTS))["backlog", "conditions"].quantity == 2
