"""`python -m bridge doctor`: looks for whatever would keep a bridge from its work, and says what to do about it.

It changes nothing and takes no message from a bridge that runs. Two looks are made on request only: --probe_queue
sends messages of its own, --probe_session needs the bridge to be stopped.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from email.utils import parsedate_to_datetime

import requests

from bridge import descriptors, sources
from bridge.config import BridgeConfig, configuration
from bridge.doctor.broker_checks import broker_checks, queue_check, session_check
from bridge.doctor.checks import Check, failed, ok, warning
from bridge.doctor.pubsub_checks import pubsub_checks
from bridge.mqtt.broker import member
from director.client import DirectorError
from director.strict import DocumentError

DONE, FAILED = 0, 1
SECONDS = 5.0  # for a page to answer
CLOCK_SECONDS = 5.0  # of difference that nobody needs to know of; the clock of an HTTP answer has whole seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    parser.add_argument("--ordinal", type=int, help="which bridge of broker.shared (default: ends the host name)")
    parser.add_argument("--health_port", type=int, default=8080, help="where a bridge that runs here shows its pages")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    about = "measure with so many messages how many the broker keeps for a client that is away"
    parser.add_argument("--probe_queue", type=_messages, metavar="N", help=about)
    parser.add_argument("--probe_topic", metavar="TOPIC", help="the MQTT topic for these; nobody else should read it")
    about = "look for the bridge's own session; only while the bridge is stopped"
    parser.add_argument("--probe_session", action="store_true", help=about)


def run(arguments: argparse.Namespace) -> int:
    """1 when any check failed."""
    if (arguments.probe_queue is None) != (arguments.probe_topic is None):
        raise OSError("--probe_queue N and --probe_topic TOPIC go together: give both")
    found = []
    for check in examined(arguments):
        found.append(check)
        if not arguments.json:
            print(_line(check), flush=True)
    if arguments.json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    return FAILED if any(check.state == "failed" for check in found) else DONE


def examined(arguments: argparse.Namespace) -> Iterator[Check]:
    """Every check there is, each as soon as it is made."""
    yield _descriptors()
    try:
        config = configuration(sources.document(arguments))
        us = member(config.broker, arguments.ordinal)
    except DocumentError as error:
        for problem in error.problems:
            yield failed("configuration", str(problem), "correct it; nothing else can be looked at before")
        return
    except DirectorError as error:
        yield failed("director", str(error), "start it, or correct --director_url, --dataflow or --service")
        return
    yield ok("configuration", f"valid: {len(config.routes)} routes, {len(config.destinations)} destinations")
    yield _clock(arguments.director_url)
    yield from broker_checks(config.broker, us, config.subscriptions)
    yield session_check(config.broker, us) if arguments.probe_session else _running(arguments.health_port)
    yield _queue(config, arguments)
    yield from pubsub_checks(config)


def _descriptors() -> Check:
    shortage = descriptors.shortage()
    if shortage:
        return failed("descriptors", shortage, "raise the limit where the bridge is started: LimitNOFILE=, ulimit -n")
    return ok("descriptors", "there are file descriptors to spare")


def _clock(director_url: str | None) -> Check:
    """Against the director's: event times, tokens and certificates all stand on the clock being right."""
    if director_url is None:
        words = "unknown: without --director_url there is nothing to compare it with"
        return warning("clock", words, "see that this machine keeps its time by NTP")
    try:
        answer = requests.get(f"{director_url}/healthz", timeout=SECONDS)
        ahead = time.time() - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError) as error:
        return warning("clock", f"unknown: the director tells no time ({type(error).__name__})", "see that NTP runs")
    if abs(ahead) <= CLOCK_SECONDS:
        return ok("clock", "agrees with the director's")
    side = "ahead of" if ahead > 0 else "behind"
    return warning("clock", f"is {abs(ahead):.0f} s {side} the director's", "let both machines keep their time by NTP")


def _running(health_port: int) -> Check:
    """The session as a bridge that runs here sees it: to look for it ourselves would take it away."""
    try:
        page = requests.get(f"http://127.0.0.1:{health_port}/metrics", timeout=SECONDS).text
    except requests.RequestException:
        page = ""
    if "bridge_connected 1.0" in page.splitlines():
        return ok("session", f"the bridge with its pages on port {health_port} is connected to its session")
    words = f"unknown: no connected bridge shows its pages on port {health_port}"
    return warning("session", words, "give its --health_port, or --probe_session while no bridge with this id runs")


def _queue(config: BridgeConfig, arguments: argparse.Namespace) -> Check:
    if arguments.probe_queue is None:
        words = "not measured: how many messages the broker keeps for a bridge that is away"
        return warning("queue", words, "give --probe_queue N and --probe_topic TOPIC, N about rate x outage")
    us = member(config.broker, arguments.ordinal)
    return queue_check(config.broker, us, arguments.probe_topic, arguments.probe_queue)


def _line(check: Check) -> str:
    advice = f"\n{'':8} {check.name}: do this: {check.fix}" if check.fix else ""
    return f"{check.state:8} {check.name}: {check.words}{advice}"


def _messages(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 60_000:
        raise argparse.ArgumentTypeError("write 1 to 60000 messages")
    return number
