"""Claims outlive the process; a change is whole, and nothing comes between."""

import threading
from pathlib import Path

import pytest
from google.api_core.exceptions import Aborted

from director import keys
from director.errors import Misconfigured
from director.iam.claim_stores import FileClaims, FirestoreClaims
from director.iam.claims import Claim, Claimed, Claims
from director.provisioning.clients import Clients
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

TOPIC = keys.topic("p", "t")
GRANT = "roles/pubsub.publisher", "serviceAccount:s@p.iam.gserviceaccount.com"
CLAIM = Claim(ours=True, by=frozenset({"plant/air", "plant/water"}))


def test_at_first_nothing_is_claimed(claims: Claims) -> None:
    assert claims.all() == {}


def test_what_was_claimed_is_there_again(claims: Claims) -> None:
    other = keys.bucket("files")
    assert claims.change(TOPIC, lambda old: {**old, GRANT: CLAIM}) == {GRANT: CLAIM}
    claims.change(other, lambda old: {**old, GRANT: Claim(ours=False, by=frozenset())})
    assert claims.all() == {TOPIC: {GRANT: CLAIM}, other: {GRANT: Claim(ours=False, by=frozenset())}}


def test_a_change_sees_what_was_there(claims: Claims) -> None:
    claims.change(TOPIC, lambda old: {GRANT: CLAIM})
    seen: list[Claimed] = []

    def edit(old: Claimed) -> Claimed:
        seen.append(old)
        return old

    claims.change(TOPIC, edit)
    assert seen == [{GRANT: CLAIM}]


def test_a_resource_without_claims_is_forgotten(claims: Claims) -> None:
    claims.change(TOPIC, lambda old: {GRANT: CLAIM})
    assert claims.change(TOPIC, lambda old: {}) == {}
    assert claims.all() == {}


def test_changes_at_once_all_hold(claims: Claims) -> None:
    def claim(number: int) -> None:
        more = frozenset({f"plant/flow-{number}"})
        for _ in range(20):
            try:
                claims.change(TOPIC, lambda old: {GRANT: Claim(True, (old[GRANT].by if old else more) | more)})
            except Aborted:
                continue
            return

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claims.all()[TOPIC][GRANT].by == {f"plant/flow-{number}" for number in range(6)}


def test_a_transaction_that_is_always_crossed_ends_as_something_that_may_pass(
    clients: Clients, cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method="firestore.Commit", code="ABORTED"))
    with pytest.raises(Aborted):
        FirestoreClaims(clients.firestore).change(TOPIC, lambda old: {GRANT: CLAIM})


@pytest.mark.parametrize("content", [{}, {"kind": "topics", "name": "t", "claims": [{"role": "r"}]}, {"claims": 7}])
def test_a_document_that_somebody_spoilt_is_refused_with_its_name(clients: Clients, content: dict[str, object]) -> None:
    claims = FirestoreClaims(clients.firestore)
    clients.firestore.collection("director_iam").document("spoilt").set(content)
    with pytest.raises(Misconfigured, match=r"director_iam/spoilt is not as the director writes it .*; restore it"):
        claims.all()


@pytest.mark.parametrize("content", ["", "{", "7", "[7]", '[{"kind": "topics"}]'])
def test_a_file_that_somebody_spoilt_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "claims.json"
    file.write_text(content)
    with pytest.raises(Misconfigured, match=r"claims\.json is not as the director writes it"):
        FileClaims(file).change(TOPIC, lambda old: {})
    assert file.read_text() == content


def test_a_file_is_there_for_the_next_process_and_readable_for_people(tmp_path: Path) -> None:
    file = tmp_path / "claims.json"
    FileClaims(file).change(TOPIC, lambda old: {GRANT: CLAIM})
    assert FileClaims(file).all() == {TOPIC: {GRANT: CLAIM}}
    assert '"plant/air"' in file.read_text()
