"""Whether the broker lets the bridge do its work: connection, limits, access, its own session, its queue."""

import json
import secrets
from collections.abc import Iterator, Sequence

from bridge.doctor.checks import Check, failed, ok, warning
from bridge.doctor.visit import Limits, Visit
from bridge.mqtt.broker import Broker, Member

QUEUE_SECONDS = 300  # how long the probe's session may last
QUIET_SECONDS = 5.0  # after which nothing more is expected of a queue
QOS_1, REFUSED = 1, 0x80  # reason codes


def broker_checks(broker: Broker, member: Member, filters: Sequence[str]) -> Iterator[Check]:
    """As a probe with a client id of its own; messages and session of the bridge stay as they are."""
    probe = probe_id(member)
    try:
        with Visit(broker, probe, broker.session_expiry_seconds) as visit:
            limits = visit.limits
        yield ok("broker", f"{broker.url} takes connections by MQTT {broker.protocol}")
    except OSError as error:
        yield failed("broker", f"{broker.url}: {error}", "check address, certificates, user name and password")
        return
    if broker.mqtt5:
        yield from _limits(broker, limits, filters)
    else:
        words = "MQTT 3.1.1 tells no limits, and knows neither receive_maximum nor maximum_packet_bytes"
        yield warning("limits", words, "use protocol: '5' where the broker speaks it")
    yield from _access(broker, probe, filters)
    if member.status_topic:
        yield _status(broker, probe, member.status_topic)


def probe_id(member: Member) -> str:
    return f"{member.client_id}-doctor"


def session_check(broker: Broker, member: Member) -> Check:
    """Takes the session over for a moment: only while no bridge runs. Messages stay where they are."""
    try:
        with Visit(broker, member.client_id, broker.session_expiry_seconds, deaf=True) as visit:
            resumed = visit.resumed
            visit.leave(keep=resumed)
    except OSError as error:
        return failed("session", f"cannot look for the session of {member.client_id}: {error}", "see the other checks")
    if resumed:
        return ok("session", f"the broker keeps a session of {member.client_id}")
    words = f"the broker has no session of {member.client_id}: what devices send is not kept for it"
    return warning("session", words, "start the bridge once; if it ran before, compare its absence with the expiry")


def queue_check(broker: Broker, member: Member, mqtt_topic: str, messages: int) -> Check:
    """Sends so many messages to a client that is away and counts what it finds when it comes back."""
    try:
        taken, found = _queued(broker, probe_id(member), mqtt_topic, messages)
    except OSError as error:
        return failed("queue", f"the queue cannot be measured on {mqtt_topic}: {error}", "give the probe access to it")
    refused = f"; it refused {messages - taken:,} and said so" if taken < messages else ""
    if found >= taken:
        return ok(
            "queue", f"the broker kept all {taken:,} messages it acknowledged for a client that was away{refused}"
        )
    words = (
        f"of {taken:,} messages the broker acknowledged for a client that was away it lost {taken - found:,}{refused}"
    )
    return warning("queue", words, "raise its queue limit: max_queued_messages 0 in mosquitto.conf, or rate x outage")


def _queued(broker: Broker, probe: str, mqtt_topic: str, messages: int) -> tuple[int, int]:
    """How many the broker acknowledged, and how many of these it delivered."""
    mark = secrets.token_bytes(8)
    with Visit(broker, probe, QUEUE_SECONDS) as visit:
        if visit.subscribe([mqtt_topic])[mqtt_topic] != QOS_1:
            raise OSError("the broker refuses to subscribe the probe")
        visit.leave(keep=True)
    with Visit(broker, f"{probe}-sender") as sender:
        codes = sender.publish(mqtt_topic, [mark + b"%d" % number for number in range(messages)])
    taken = sum(code < REFUSED for code in codes)
    with Visit(broker, probe) as visit:
        found = visit.collect(mark, taken, QUIET_SECONDS)
        visit.unsubscribe([mqtt_topic])
    return taken, len(found)


def _limits(broker: Broker, limits: Limits, filters: Sequence[str]) -> Iterator[Check]:
    yield _packet_size(broker, limits.maximum_packet_bytes)
    yield _session_expiry(broker, limits.session_expiry_seconds)
    if limits.maximum_qos < QOS_1:
        advice = "let it grant QoS 1, or use another broker: at QoS 0 nothing is promised"
        yield failed("qos", f"the broker grants QoS {limits.maximum_qos} at most", advice)
    if not limits.wildcards and any(set(one) & set("+#") for one in filters):
        yield failed("wildcards", "the broker takes no filters with + or #", "allow them there, or name every topic")
    if broker.shared and not limits.shared:
        yield failed("shared", "the broker has no shared subscriptions", "allow them there, or run one bridge")


def _packet_size(broker: Broker, limit: int | None) -> Check:
    ours = broker.maximum_packet_bytes
    if limit is not None and limit < ours:
        return ok("packet size", f"clients may send {limit:,} bytes, the bridge takes {ours:,}")
    words = f"clients may send {limit:,} bytes" if limit else "the broker sets clients no limit"
    advice = "set the broker's own limit (mosquitto: max_packet_size) below broker.maximum_packet_bytes"
    return warning("packet size", f"{words}; what is above our {ours:,} vanishes at the broker without a word", advice)


def _session_expiry(broker: Broker, granted: int | None) -> Check:
    asked = broker.session_expiry_seconds
    if granted is None or granted >= asked:
        return ok("session expiry", f"the broker keeps the session for {asked:,} s without us")
    words = f"the broker keeps the session for {granted:,} s without us, not for {asked:,}: then the queue is lost"
    return warning("session expiry", words, "raise its limit, or know that no outage may last longer")


def _access(broker: Broker, probe: str, filters: Sequence[str]) -> Iterator[Check]:
    """Never as a member of a group: a probe in it would be given messages that are then missing elsewhere."""
    try:
        with Visit(broker.model_copy(update={"receive_maximum": 1}), probe) as visit:
            codes = visit.subscribe(filters)
    except OSError as error:
        yield failed("access", f"cannot subscribe: {error}", "see whether the broker closes connections of the probe")
        return
    for one, code in codes.items():
        name = f"access {one}"
        if code == QOS_1:
            yield ok(
                name, "the broker subscribes it at QoS 1 (some do so and then deliver nothing: mosquitto's acl_file)"
            )
        else:
            granted = f"at QoS {code} only" if code < REFUSED else f"not at all (reason {code:#04x})"
            yield failed(name, f"the broker subscribes it {granted}", f"let {broker.username or 'the bridge'} read it")


def _status(broker: Broker, probe: str, status_topic: str) -> Check:
    """A status of the probe's own, not retained, as someone who watches the topic expects one."""
    status = json.dumps({"status": "doctor", "client_id": probe}, separators=(",", ":")).encode()
    try:
        with Visit(broker, probe) as visit:
            (code,) = visit.publish(status_topic, [status])
    except OSError as error:
        return failed("status topic", f"cannot publish to {status_topic}: {error}", "let the bridge write it")
    if code < REFUSED:
        return ok("status topic", f"the broker takes what we publish to {status_topic}")
    words = f"the broker refuses what we publish to {status_topic} (reason {code:#04x})"
    return failed("status topic", words, f"let {broker.username or 'the bridge'} write it")
