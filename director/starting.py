"""How a service comes by its configuration at its start: from its director, else as it was told. PUBLIC, light.

A director that does not answer within the budget keeps nobody from starting who has a last good configuration, or was
given one by a person. A director that says no does.
"""

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

from director.client import Configuration, DirectorClient, DirectorError, DirectorRefused, DirectorUnavailable
from director.last_good import HOURS, LastGood
from director.strict import Source, parsed, read

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ways:
    """What to start with where the director does not answer; both are there only where somebody asked for them."""

    last_good: LastGood | None = None
    fallback: Path | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """`remark` says, without a word of it, where the configuration is from, if not from the director."""

    source: Source
    configuration: Configuration | None = None
    remark: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a director that does not answer")
    group.add_argument(
        "--last_good",
        type=Path,
        metavar="FILE",
        help="keep the configuration there, and start with it where none comes",
    )
    group.add_argument(
        "--last_good_hours", type=_hours, default=HOURS, metavar="N", help=f"how old it may be (default: {HOURS:g})"
    )
    group.add_argument(
        "--fallback_config", type=Path, metavar="FILE", help="a YAML file to start with where there is nothing else"
    )


def ways(arguments: argparse.Namespace) -> Ways:
    last_good = LastGood(arguments.last_good, arguments.last_good_hours) if arguments.last_good else None
    return Ways(last_good, arguments.fallback_config)


def check_unused(arguments: argparse.Namespace) -> None:
    """For a service that asks no director. Raises OSError."""
    for name in ("last_good", "fallback_config"):
        if getattr(arguments, name):
            raise OSError(f"--{name} does nothing without --director_url; leave it out")


def start(client: DirectorClient, dataflow: str, service: str, ways: Ways) -> Started:
    """Raises DirectorError where there is no way, DocumentError for a fallback that is no document."""
    try:
        found = client.register(dataflow, service)
    except DirectorError as error:
        if not away(error):
            raise
        return _without(error, dataflow, service, ways)
    keep(found, ways)
    return Started(document(found), found)


def keep(found: Configuration, ways: Ways) -> None:
    """What cannot be kept is missed at a later start at the earliest, so it is told and no more."""
    try:
        if ways.last_good is not None:
            ways.last_good.keep(found)
    except OSError as error:
        log.error("the configuration cannot be kept for another start: %s", error)


def document(found: Configuration) -> Source:
    return parsed(found.config, f"the director's configuration of {found.service}")


def away(error: DirectorError) -> bool:
    """Whether that is no answer, rather than a no."""
    return isinstance(error, DirectorUnavailable) or (isinstance(error, DirectorRefused) and error.status in (429, 503))


def _without(error: DirectorError, dataflow: str, service: str, ways: Ways) -> Started:
    if ways.last_good is not None:
        try:
            kept = ways.last_good.read(dataflow, service)
        except OSError as reason:
            log.warning("no last good configuration to start with: %s", reason)
        else:
            remark = f"started without the director, with the configuration of {kept.at}"
            log.warning("%s: %s", remark, error)
            return Started(document(kept.configuration), kept.configuration, remark)
    if ways.fallback is not None:
        remark = "started without the director, with the fallback configuration"
        log.warning("%s: %s", remark, error)
        return Started(read(ways.fallback), None, remark)
    raise error


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 8_760:
        raise argparse.ArgumentTypeError("write more than 0 and at most 8760 hours")
    return hours
