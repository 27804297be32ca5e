"""The examples of docs/kinds.md, as written there: they load, and a cloud takes them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud
from tests.director.resources.plants import DIGEST, blueprint

PAGE = Path(__file__).parents[3] / "docs" / "kinds.md"


def example(heading: str) -> Any:
    section = PAGE.read_text().partition(f"## {heading}\n")[2]
    found = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    written = found[1].replace("@sha256:...", f"@{DIGEST}")
    return yaml.safe_load(written.replace("service: enrichment", "service: archive"))


@pytest.mark.parametrize("heading", ["Alerts", "Programs: Cloud Run and Dataflow"])
def test_an_example_is_applied_and_then_as_wanted(
    cloud: LocalCloud, retries: Retries, tmp_path: Path, heading: str
) -> None:
    found = blueprint(tmp_path, **example(heading))
    resources = wanted(found, "air")
    with Clients.open(found.architecture.project_id) as clients:
        loop = Provisioner(providers(clients, found), retries)
        report = loop.apply(resources)
        assert [str(outcome) for outcome in report if outcome.result != "created"] == []
        assert {change.action for change in loop.plan(resources)} == {"none"}


def test_the_example_of_alerts_covers_backlog_rate_absence_and_bigquery() -> None:
    conditions = [each for policy in example("Alerts")["alert_policies"] for each in policy["conditions"]]
    kinds = {kind for each in conditions for kind in each if kind != "name"}
    assert kinds == {"threshold", "absent"}
    written = str(conditions)
    for metric in ("oldest_unacked_message_age", "send_message_operation_count", "bigquerystorage.googleapis.com"):
        assert metric in written
