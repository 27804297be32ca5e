"""`conductor estimate`: a shell around `director.estimate.estimate`."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from director.arguments import document
from director.errors import Misconfigured, Unknown

if TYPE_CHECKING:
    from director.documents.loading import Blueprint
    from director.estimate.usage import Usage
    from director.keys import Key

N = TypeVar("N", int, float)
OK = 0


def estimate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what an architecture costs in a month, or what a plan adds to that; asks nobody."
    document(parser)
    parser.add_argument("--dataflow", help="only this one (default: all)")
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="only what this plan, of conductor plan --out, creates"
    )
    about = "how many messages come into each topic where data enters"
    parser.add_argument("--messages-per-second", type=_rate, metavar="N", help=about)
    parser.add_argument("--bytes", type=_bytes, metavar="N", help="how large these are, attributes included")
    about = "a YAML file that says it of each topic, and how long data stays; see docs/estimate.md"
    parser.add_argument("--usage", type=Path, metavar="FILE", help=about)
    parser.add_argument("--prices", type=Path, metavar="FILE", help="another price table than the one that is shipped")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=_estimate)


def _estimate(arguments: argparse.Namespace) -> int:
    """Raises DocumentError, DirectorError, OSError."""
    from director.documents.loading import load
    from director.estimate import prices, shown
    from director.estimate.estimate import estimate as estimated

    blueprint = load(arguments.file, arguments.environment)
    usage, table = _usage(arguments, blueprint), prices.read(arguments.prices)
    chosen = _chosen(arguments, blueprint)
    found = [estimated(blueprint, name, usage, table, only) for name, only in chosen.items()]
    if arguments.json:
        _say(json.dumps(shown.as_json(found), indent=2))
        return OK
    for one in found:
        for line in shown.text(one):
            _say(line)
    _say(shown.heading(found[0]))
    return OK


def _usage(arguments: argparse.Namespace, blueprint: "Blueprint") -> "Usage":
    from director.estimate import usage

    if arguments.usage is None and None in (arguments.messages_per_second, arguments.bytes):
        raise Misconfigured("nothing says how much flows; add --messages-per-second N --bytes N, or --usage FILE")
    said = usage.read(arguments.usage, blueprint.architecture) if arguments.usage else None
    return usage.entering(arguments.messages_per_second, arguments.bytes, said)


def _chosen(arguments: argparse.Namespace, blueprint: "Blueprint") -> "Mapping[str, frozenset[Key] | None]":
    """The dataflows, and of each what the plan creates, if there is one."""
    known = blueprint.architecture.dataflows
    if arguments.dataflow is not None and arguments.dataflow not in known:
        raise Unknown(f"no dataflow '{arguments.dataflow}' here; there are {', '.join(known)}")
    names = [arguments.dataflow] if arguments.dataflow else list(known)
    if arguments.plan is None:
        return dict.fromkeys(names)
    created = _created(arguments.plan, blueprint)
    if not set(created) & set(names) or set(created) - set(known):
        plans = ", ".join(created) or "nothing"
        raise Misconfigured(f"--plan {arguments.plan}: is for {plans}, and not for {', '.join(names)}; take another")
    return {name: created[name] for name in names if name in created}


def _created(file: Path, blueprint: "Blueprint") -> "dict[str, frozenset[Key]]":
    """By dataflow. Raises Misconfigured for what is no plan of this architecture."""
    from director.provisioning import plan_document as plans

    try:
        found = plans.read(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--plan {file} cannot be read: {error}") from error
    name = blueprint.architecture.name
    for plan in found:
        if (plan.architecture, plan.purpose) != (name, "apply"):
            raise Misconfigured(f"--plan {file}: is for the {plan.purpose} of '{plan.architecture}'; take another")
    return {plan.dataflow: frozenset(one.key for one in plan if one.action == "create") for plan in found}


def _rate(text: str) -> float:
    value = _number(text, float)
    if value is None or not 0 <= value <= 1e9:
        raise argparse.ArgumentTypeError("a number of messages, such as 100 or 0.5")
    return value


def _bytes(text: str) -> int:
    value = _number(text, int)
    if value is None or not 0 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError("a number of bytes up to 10,000,000, which Pub/Sub takes")
    return value


def _number(text: str, kind: type[N]) -> N | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
