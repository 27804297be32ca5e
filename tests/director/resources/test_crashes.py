"""Firestore's parts, jobs, secrets and accounts together: killed at any call, applied again, the same in the end."""

from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.ledger.file import FileLedger
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.plants import blueprint
from tests.director.worlds import Death, Killed, mortal

OF_AN_APPLY, OF_A_TEARDOWN = 24, 60  # calls of providers, before and after
LIVES = {"deletion_policy": "DELETE"}
METHODS = (
    "firestoreadmin.CreateDatabase",
    "firestoreadmin.CreateIndex",
    "firestoreadmin.UpdateField",
    "cloudscheduler.CreateJob",
    "cloudscheduler.PauseJob",
    "secretmanager.CreateSecret",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.disable",
)


def everything(folder: Path) -> Blueprint:
    """One of each, in a project of its own."""
    fields = [{"name": name, "order": "ASCENDING"} for name in ("device", "at")]
    return blueprint(
        folder,
        firestore_databases=[{"name": "archive", "delete_protection": False, **LIVES}],
        firestore_indexes=[{"collection": "readings", "database": "archive", "fields": fields, **LIVES}],
        firestore_ttls=[{"collection": "readings", "database": "archive", "field": "expires_at", **LIVES}],
        cloud_scheduler_jobs=[
            {
                "name": "calling",
                "schedule": "0 3 * * *",
                "paused": True,
                "http": {"uri": "https://example.com", "service_account": "caller-sa"},
                **LIVES,
            }
        ],
        secrets=[{"name": "mqtt", "create": True, **LIVES}],
        service_accounts=[{"name": "caller-sa", "disabled": True, **LIVES}],
    )


def test_these_are_all_the_calls_there_are(cloud: LocalCloud, tmp_path: Path, retries: Retries) -> None:
    """Before and after each, so that none is left out below."""
    document = everything(tmp_path)
    with Clients.open(document.architecture.project_id) as clients:
        made, never = providers(clients, document), Death(10_000)
        director = Director(document, lambda _: mortal(made, never), retries, workers=1, ledger=FileLedger())
        director.apply("air")
        assert never.calls == OF_AN_APPLY
        director.teardown("air")
        assert never.calls == OF_AN_APPLY + OF_A_TEARDOWN


@pytest.mark.parametrize("last", range(OF_AN_APPLY))
def test_an_apply_killed_at_any_call_and_a_teardown_after_it_come_to_the_same_end(
    cloud: LocalCloud, tmp_path: Path, retries: Retries, last: int
) -> None:
    document = everything(tmp_path)
    ledger = FileLedger()
    with Clients.open(document.architecture.project_id) as clients:
        made = providers(clients, document)
        death = Death(last)
        dying = Director(document, lambda _: mortal(made, death), retries, workers=1, ledger=ledger)
        with pytest.raises(Killed):
            dying.apply("air")
        director = Director(document, lambda _: made, retries, workers=1, ledger=ledger)
        assert all(outcome.good for outcome in director.apply("air"))
        assert director.verify("air") == ()
        assert {outcome.result for outcome in director.teardown("air")} == {"deleted"}
        assert {change.action for change in director.plan("air")} == {"create"}


@pytest.mark.parametrize("last", range(OF_A_TEARDOWN))
def test_a_teardown_killed_at_any_call_is_completed_by_the_same_command(
    cloud: LocalCloud, tmp_path: Path, retries: Retries, last: int
) -> None:
    document = everything(tmp_path)
    ledger = FileLedger()
    with Clients.open(document.architecture.project_id) as clients:
        made = providers(clients, document)
        director = Director(document, lambda _: made, retries, workers=1, ledger=ledger)
        director.apply("air")
        dying = Director(document, lambda _: mortal(made, Death(last)), retries, workers=1, ledger=ledger)
        with pytest.raises(Killed):
            dying.teardown("air")
        assert {outcome.result for outcome in director.teardown("air")} <= {"deleted", "absent"}
        assert {change.action for change in director.plan("air")} == {"create"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", METHODS)
def test_what_one_apply_could_not_do_the_next_completes(
    cloud: LocalCloud, tmp_path: Path, retries: Retries, method: str, when: Any
) -> None:
    """The first run gives up at its first failed call, as if it had ended there."""
    document = everything(tmp_path)
    with Clients.open(document.architecture.project_id) as clients:
        resources, made = wanted(document, "air"), providers(clients, document)
        number = cloud.faults.add(Fault(method=method, when=when))
        impatient = Provisioner(made, Retries(attempts=1, sleep=lambda seconds: None))
        assert not all(outcome.good for outcome in impatient.apply(resources))
        cloud.faults.remove(number)
        loop = Provisioner(made, retries)
        assert all(outcome.good for outcome in loop.apply(resources))
        assert {change.action for change in loop.plan(resources)} == {"none"}
