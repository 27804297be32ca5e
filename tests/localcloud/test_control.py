"""Faults and the clock of a running localcloud, changed over HTTP."""

import requests

from localcloud.cloud import LocalCloud

TIMEOUT = 10


def url(cloud: LocalCloud, path: str) -> str:
    return f"http://{cloud.http_address}/localcloud/v1/{path}"


def test_faults_can_be_added_listed_and_removed(cloud: LocalCloud) -> None:
    fault = {"method": "pubsub.Publish", "code": "ABORTED", "calls": 3}
    number = requests.post(url(cloud, "faults"), json=fault, timeout=TIMEOUT).json()["id"]
    [listed] = requests.get(url(cloud, "faults"), timeout=TIMEOUT).json()["faults"]
    assert (listed["id"], listed["method"], listed["code"], listed["left"]) == (number, "pubsub.Publish", "ABORTED", 3)
    requests.delete(url(cloud, f"faults/{number}"), timeout=TIMEOUT).raise_for_status()
    assert requests.get(url(cloud, "faults"), timeout=TIMEOUT).json() == {"faults": []}


def test_all_faults_can_be_cleared(cloud: LocalCloud) -> None:
    for _ in range(2):
        requests.post(url(cloud, "faults"), json={}, timeout=TIMEOUT).raise_for_status()
    requests.delete(url(cloud, "faults"), timeout=TIMEOUT).raise_for_status()
    assert cloud.faults.active() == []


def test_a_fault_that_makes_no_sense_is_refused(cloud: LocalCloud) -> None:
    for wrong in ({"code": "WHAT"}, {"unheard": "of"}):
        answer = requests.post(url(cloud, "faults"), json=wrong, timeout=TIMEOUT)
        assert answer.status_code == 400
        assert "not a fault" in answer.json()["error"]["message"]


def test_the_log_of_faults_is_shown(cloud: LocalCloud) -> None:
    cloud.faults.log.clear()
    assert requests.get(url(cloud, "faults/log"), timeout=TIMEOUT).json() == {"decisions": []}


def test_control_is_never_struck_itself(cloud: LocalCloud) -> None:
    requests.post(url(cloud, "faults"), json={"method": "*"}, timeout=TIMEOUT).raise_for_status()
    assert requests.get(url(cloud, "faults"), timeout=TIMEOUT).ok


def test_the_clock_advances(cloud: LocalCloud) -> None:
    before = cloud.clock.time()
    shown = requests.post(url(cloud, "clock:advance"), json={"seconds": 90}, timeout=TIMEOUT).json()["time"]
    assert 90 <= shown - before < 120
    refused = requests.post(url(cloud, "clock:advance"), json={"seconds": -1}, timeout=TIMEOUT)
    assert refused.status_code == 400
