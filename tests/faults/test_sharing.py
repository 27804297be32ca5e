"""A19: bridges that share a subscription, and one that leaves its group for good."""

import subprocess
import sys

from tests.faults.rig import Rig, numbered

SHARED = {"group": "fleet"}


def test_a19_two_members_share_the_messages_and_lose_none(rig: Rig) -> None:
    rig.configure(shared=SHARED)
    rig.start("--ordinal", "0")
    other = rig.another()
    other.start("--ordinal", "1")
    rig.eventually(lambda: other.ready)
    rig.send(numbered(1_000))
    rig.arrived(numbered(1_000))
    assert set(rig.ids.values()) == {1}
    assert min(bridge.metric("bridge_received_total") for bridge in (rig.bridge, other)) > 0


def test_a19_what_a_member_left_behind_is_delivered_by_draining_it(rig: Rig) -> None:
    """mosquitto queues for members that are away too: without `drain` their share would wait for ever."""
    rig.configure(shared=SHARED)
    rig.start("--ordinal", "0")
    other = rig.another()
    other.start("--ordinal", "1")
    rig.eventually(lambda: other.ready)
    assert other.terminate() == 0
    rig.send(numbered(500))
    drained = drain(rig, 1)
    assert drained.returncode == 0, drained.stderr
    rig.arrived(numbered(500))
    assert set(rig.ids.values()) == {1}
    rig.send(numbered(500, 500))
    rig.arrived(numbered(1_000))


def test_a19_draining_takes_along_what_comes_while_it_lasts(rig: Rig) -> None:
    rig.configure(shared=SHARED)
    rig.bridge.start("--ordinal", "0")
    rig.eventually(lambda: rig.bridge.ready)
    assert rig.bridge.terminate() == 0
    other = rig.another()
    other.start("--ordinal", "1")
    rig.eventually(lambda: other.ready)
    rig.send(numbered(2_000))
    process = subprocess.Popen(command(rig, 0), stderr=subprocess.PIPE)
    for start in range(2_000, 3_000, 50):
        rig.send(numbered(50, start))
    assert process.wait(timeout=60) == 0
    assert process.stderr
    process.stderr.close()
    rig.arrived(numbered(3_000))


def drain(rig: Rig, ordinal: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(rig, ordinal), capture_output=True, text=True, timeout=60, check=False)


def command(rig: Rig, ordinal: int) -> list[str]:
    return [sys.executable, "-m", "bridge", "drain", "--config", str(rig.bridge.config), "--ordinal", str(ordinal)]
