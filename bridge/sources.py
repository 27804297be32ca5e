"""Where a bridge's configuration comes from: a file, or a director."""

import argparse
from pathlib import Path

from director.client import DirectorClient
from director.strict import Source, parsed, read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--director_url", help="the director that has this bridge's configuration")
    where.add_argument("--config", type=Path, help="a YAML file with the configuration, instead of a director")
    parser.add_argument("--dataflow", default="environment", help="the dataflow this bridge serves")
    parser.add_argument("--service", default="bridge", help="this bridge's name in the dataflow")
    parser.add_argument("--broker_url", help="overrides broker.url")


def document(arguments: argparse.Namespace) -> Source:
    """Raises DocumentError, DirectorError, OSError."""
    source = read(arguments.config) if arguments.config else _from_director(arguments)
    broker = source.data.get("broker") if isinstance(source.data, dict) else None
    if arguments.broker_url and isinstance(broker, dict):
        broker["url"] = arguments.broker_url
    return source


def _from_director(arguments: argparse.Namespace) -> Source:
    """Waits, within the client's budget, until all resources this bridge is linked to are there."""
    answer = DirectorClient(arguments.director_url).register(arguments.dataflow, arguments.service)
    return parsed(answer.config, f"{arguments.director_url}: {arguments.service}")
