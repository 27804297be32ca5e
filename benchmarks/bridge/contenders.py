"""Who races: how each is had, started and told what to do, with settings that favour it."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.bridge import installs
from benchmarks.bridge.devices import FILTER, MQTT_3_1_1, MQTT_5
from benchmarks.bridge.stand import DEAD_LETTERS, INFLIGHT, PROJECT, TOPIC, Stand
from localcloud.ports import HOST, free_port

OURS, RECEIVER = "ours", "mosquitto_sub"
CLIENT_ID = "contender"
PUBSUB_TOPIC = f"projects/{PROJECT}/topics/{TOPIC}"
PEERS = Path(__file__).parent / "peers"
ENVELOPE = frozenset(
    {
        "ce-specversion",
        "ce-type",
        "ce-id",
        "ce-source",
        "ce-subject",
        "ce-time",
        "content-type",
        "mqtt.topic",
        "mqtt.qos",
        "mqtt.received_at",
        "capture.site",
        "capture.device",
    }
)

Start = tuple[Sequence[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Contender:
    """`start` writes what it needs into the stand's folder and gives the command and its environment.

    A stock client holds a batch open for a time that is set, and that time is best long for speed and short for
    latency. Each has both: `hold` for draining and at half of its peak, `hold_when_quiet` at 1,000/s. Ours has none.
    """

    start: Callable[[Stand, float], Start]
    protocol: int = MQTT_3_1_1
    install: Callable[[], None] = field(default=lambda: None)  # raises Absent
    attributes: frozenset[str] = frozenset()
    publishes: bool = True
    hold: float = 0.0  # seconds
    hold_when_quiet: float = 0.0


def contenders() -> dict[str, Contender]:
    return {
        OURS: Contender(partial(_ours, "5"), MQTT_5, attributes=ENVELOPE),
        f"{OURS}, MQTT 3.1.1": Contender(partial(_ours, "3.1.1"), attributes=ENVELOPE),
        "Telegraf": Contender(_telegraf, install=installs.telegraf, hold=0.1, hold_when_quiet=0.01),
        "Node": Contender(_node, install=installs.node, attributes=ENVELOPE, hold=0.01, hold_when_quiet=0.001),
        "paho + PublisherClient": Contender(_naive, attributes=ENVELOPE, hold=0.05, hold_when_quiet=0.001),
        "Pathway": Contender(
            _pathway,
            install=installs.pathway,
            attributes=frozenset({"pathway_time", "pathway_diff"}),
            hold=0.1,
            hold_when_quiet=0.01,
        ),
        RECEIVER: Contender(_sub, install=installs.mosquitto_sub, publishes=False),
    }


def _ours(protocol: str, at: Stand, hold: float) -> Start:
    config = {
        "broker": {
            "url": f"mqtt://{HOST}:{at.mqtt_port}",
            "client_id": CLIENT_ID,
            "protocol": protocol,
            "receive_maximum": INFLIGHT,
        },
        "destinations": {"ingestion": PUBSUB_TOPIC},
        "dead_letter_topic": f"projects/{PROJECT}/topics/{DEAD_LETTERS}",
        "routes": {
            "telemetry": {
                "filter": "sites/{site}/{device}",
                "destination": "ingestion",
                "event_type": "iot.telemetry",
                "content_type": "application/json",
            }
        },
    }
    file = at.folder / "bridge.yaml"
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "bridge", "run", "--config", str(file), "--health_port", str(free_port())]
    return command, _google(at)


def _naive(at: Stand, hold: float) -> Start:
    return [sys.executable, str(PEERS / "naive.py"), str(at.mqtt_port), CLIENT_ID, PUBSUB_TOPIC, str(hold)], _google(at)


def _pathway(at: Stand, hold: float) -> Start:
    program = [str(installs.PATHWAY_PYTHON), str(PEERS / "pathway_bridge.py")]
    return [*program, str(at.mqtt_port), CLIENT_ID, PROJECT, TOPIC, str(at.folder / "pathway"), _ms(hold)], _google(at)


def _node(at: Stand, hold: float) -> Start:
    program = ["node", str(PEERS / "node_bridge.mjs"), str(at.mqtt_port), CLIENT_ID, PROJECT, TOPIC, _ms(hold)]
    return program, {**_google(at), "BENCH_NODE_MODULES": str(installs.NODE_MODULES)}


def _telegraf(at: Stand, hold: float) -> Start:
    file = at.folder / "telegraf.conf"
    text = (PEERS / "telegraf.conf").read_text()
    facts = {"MQTT_PORT": str(at.mqtt_port), "CLIENT_ID": CLIENT_ID, "PROJECT": PROJECT, "TOPIC": TOPIC}
    facts |= {"SERVICE_ACCOUNT": str(installs.SERVICE_ACCOUNT), "HOLD_MS": _ms(hold)}
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    file.write_text(text)
    return [str(installs.TELEGRAF_BINARY), "--config", str(file)], _google(at)


def _sub(at: Stand, hold: float) -> Start:
    binary = installs.sub_binary() or "mosquitto_sub"
    session = ["-i", CLIENT_ID, "-c", "-q", "1", "-t", FILTER, "-V", "mqttv311", "--nodelay"]
    return [binary, "-h", HOST, "-p", str(at.mqtt_port), *session], {}


def _google(at: Stand) -> dict[str, str]:
    return {"PUBSUB_EMULATOR_HOST": at.pubsub, "GOOGLE_CLOUD_PROJECT": PROJECT}


def _ms(seconds: float) -> str:
    return str(round(seconds * 1_000))
