"""`conductor routes check|explain|test`, or `python -m bridge routes`: what routes do, without a broker or a cloud."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bridge import sources
from bridge.config import BridgeConfig, configuration
from bridge.routes.cases import Copy, copies, delivery, failures
from bridge.routes.outlets import Plan
from bridge.routes.routing import MAX_TOPIC_BYTES
from bridge.wrapper import Wrapper
from director.strict import printable, read

OK, UNMET = 0, 1


def add_commands(commands: Any) -> None:
    """Adds `routes` to a parser's commands (the action that `add_subparsers` returns)."""
    routes(commands.add_parser("routes", help="what the routes of a configuration do"))


def routes(parser: argparse.ArgumentParser) -> None:
    """The same as a command of the conductor."""
    parser.description = "Check, explain or test what the routes of a bridge's configuration do."
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")
    checking = kinds.add_parser("check", help="say what is wrong with a configuration, or sum it up")
    sources.add_arguments(checking)
    checking.set_defaults(command=run_check)
    explaining = kinds.add_parser("explain", help="show what would become of a message")
    explaining.add_argument("mqtt_topic", type=_mqtt_text, metavar="MQTT_TOPIC")
    _add_message_arguments(explaining)
    sources.add_arguments(explaining)
    explaining.set_defaults(command=run_explain)
    testing = kinds.add_parser("test", help="run the cases that people write beside their routes")
    testing.add_argument("file", type=Path, metavar="FILE", help="a YAML file of cases")
    sources.add_arguments(testing)
    testing.set_defaults(command=run_test)


def _add_message_arguments(parser: argparse.ArgumentParser) -> None:
    payload = parser.add_mutually_exclusive_group()
    payload.add_argument("--payload", type=_text, default="", help="the payload as text")
    payload.add_argument("--payload_file", type=Path, help="a file with the payload's bytes")
    parser.add_argument(
        "--property", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="a user property; repeatable"
    )
    parser.add_argument("--content_type", type=_mqtt_text, help="the content type that the message says it has")
    parser.add_argument("--qos", type=int, choices=(0, 1), default=1)
    parser.add_argument("--retain", action="store_true", help="as a retained message that is replayed")
    parser.add_argument("--json", action="store_true", help="for programs")


def run_check(arguments: argparse.Namespace) -> int:
    """Raises DocumentError with everything that is wrong, DirectorError, OSError."""
    _say(summary(configuration(sources.document(arguments))))
    return OK


def run_explain(arguments: argparse.Namespace) -> int:
    """Raises DocumentError, DirectorError, OSError."""
    content = arguments.payload_file.read_bytes() if arguments.payload_file else arguments.payload.encode()
    properties = dict(arguments.property)
    config = configuration(sources.document(arguments))
    one = delivery(arguments.mqtt_topic, content, properties, arguments.content_type, arguments.qos, arguments.retain)
    found = explanation(config, arguments.mqtt_topic, copies(Wrapper(config, "explained"), one))
    _say(found.as_json() if arguments.json else "\n".join(found.lines()))
    return OK


def run_test(arguments: argparse.Namespace) -> int:
    """Raises DocumentError, DirectorError, OSError."""
    number, unmet = failures(configuration(sources.document(arguments)), read(arguments.file))
    for problem in unmet:
        _say(str(problem))
    _say(f"cases: {number}, expectations not met: {len(unmet)}")
    return UNMET if unmet else OK


def summary(config: BridgeConfig) -> str:
    """A configuration that is right, in a few lines."""
    lines = [f"{name}: {route.filter} -> {route.destination.text}" for name, route in config.routes.items()]
    if config.default_route:
        lines.append(f"default: whatever no filter matches -> {config.default_route.destination.text}")
    lines.append(f"subscribes to {', '.join(config.subscriptions)}")
    return "\n".join(printable(line) for line in lines)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which routes match an MQTT topic, those that win first, and what becomes of the message on each of these."""

    mqtt_topic: str
    matching: Sequence[tuple[str, dict[str, str]]]
    copies: Sequence[Copy]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield printable(f"MQTT topic     {self.mqtt_topic}")
        for name, captures in self.matching:
            taken = "" if name in [copy.route for copy in self.copies] else ", takes no copy"
            caught = ", ".join(f"{capture}={value}" for capture, value in captures.items())
            yield printable(f"matches        {name}{taken}{f' ({caught})' if caught else ''}")
        if not self.matching:
            yield "matches        no route"
        if not self.copies:
            yield "ignored        acknowledged and not published"
        for copy in self.copies:
            yield ""
            yield from _lines_of(copy)

    def as_json(self) -> str:
        matches = [{"route": name, "captures": captures} for name, captures in self.matching]
        made = [
            {
                "route": copy.route,
                "pubsub_topic": copy.pubsub_topic,
                "ordering_key": copy.ordering_key,
                "dead_letter": copy.dead_letter,
                "data_bytes": len(copy.data),
                "attributes": dict(copy.attributes),
            }
            for copy in self.copies
        ]
        document = {"mqtt_topic": self.mqtt_topic, "matches": matches, "ignored": not made, "copies": made}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def explanation(config: BridgeConfig, mqtt_topic: str, made: Sequence[Copy]) -> Explanation:
    matching = [(match.route.name, match.captures) for match in Plan(config).matches(mqtt_topic)]
    return Explanation(mqtt_topic, matching, made)


def _lines_of(copy: Copy) -> Iterator[str]:
    yield f"route          {copy.route or 'none'}"
    if copy.dead_letter:
        yield f"dead letter    {copy.dead_letter}"
    yield f"Pub/Sub topic  {copy.pubsub_topic}"
    yield printable(f"ordering key   {copy.ordering_key or 'none'}")
    yield f"data           {len(copy.data)} bytes"
    width = max(map(len, copy.attributes))
    for name, value in copy.attributes.items():
        yield printable(f"  {name:{width}}  {value}")


def _text(argument: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in argument):  # how Python holds bytes that are no text
        raise argparse.ArgumentTypeError(f"{argument!r} is not UTF-8")
    return argument


def _mqtt_text(argument: str) -> str:
    if len(_text(argument).encode()) > MAX_TOPIC_BYTES:
        raise argparse.ArgumentTypeError(f"a text in MQTT has {MAX_TOPIC_BYTES} bytes at most")
    return argument


def _pair(argument: str) -> tuple[str, str]:
    name, equals, value = _mqtt_text(argument).partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{argument!r}: write NAME=VALUE")
    return name, value


def _say(text: str) -> None:
    print(text)
