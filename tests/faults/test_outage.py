"""A3 in full: Pub/Sub is away while messages keep coming."""

import threading
import time

from localcloud.faults import Fault
from tests.faults.fake_broker import own_id, publish, serving
from tests.faults.rig import Rig, numbered

MESSAGES = 12_000
MEGABYTE = 1 << 20
ONE_READ = 262_144  # bytes


def test_a3_a_long_outage_holds_everything_in_bounded_memory_and_is_caught_up_with(rig: Rig) -> None:
    """Ten minutes in less: the messages are all there, the waiting is shorter."""
    rig.configure(receive_maximum=200)
    rig.start()
    rig.send(numbered(100, prefix="before"))
    rig.arrived(numbered(100, prefix="before"))
    rig.settled()
    memory = rig.bridge.resident_bytes
    outage = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    began = time.monotonic()
    sender = threading.Thread(target=rig.send, args=(numbered(MESSAGES), bytes(300)))
    sender.start()
    rig.eventually(lambda: not rig.bridge.ready, 30)
    assert "Pub/Sub" in rig.bridge.page("readyz")[1]
    sender.join()
    while time.monotonic() - began < 12:
        assert rig.bridge.threads < 64
        time.sleep(0.5)
    assert rig.bridge.page("livez")[0] == 200
    assert rig.bridge.metric("bridge_published_total") == 100
    assert rig.bridge.metric("bridge_in_flight") == 200
    rig.cloud.faults.remove(outage)
    rig.arrived(numbered(MESSAGES), seconds=60)
    assert rig.bridge.resident_bytes - memory < 50 * MEGABYTE
    rig.settled()
    rig.eventually(lambda: rig.bridge.ready)
    assert set(rig.ids.values()) == {1}


def test_a3_a_broker_that_sends_more_than_receive_maximum_is_held_back(rig: Rig) -> None:
    """mosquitto 2.0.11 does so in a session it resumes: after the first PUBACK it sends all it has queued."""
    ids = numbered(20_000)
    flood = b"".join(
        publish(number % 65_535 + 1, b"devices/d1/up", bytes(1_000), own_id(one)) for number, one in enumerate(ids)
    )
    outage = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    with serving(flood) as fake:
        rig.way_in = fake.port
        rig.configure(receive_maximum=100)
        rig.start()
        rig.eventually(lambda: rig.bridge.metric("bridge_received_total") >= 100)
        time.sleep(2)
        assert rig.bridge.metric("bridge_in_flight") <= 100 + ONE_READ / 1_000
        assert rig.bridge.page("livez")[0] == 200
        rig.cloud.faults.remove(outage)
        rig.arrived(ids, 60)
        rig.settled()
        rig.bridge.kill()
