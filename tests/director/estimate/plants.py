"""Small architectures, and what they cost at prices that make sums easy."""

from collections.abc import Iterator
from textwrap import dedent, indent
from typing import Any

from director.documents.loading import Blueprint, load_texts
from director.estimate.estimate import Estimate, Line, estimate
from director.estimate.prices import Prices, read
from director.estimate.usage import Usage
from director.strict import parse

HEAD = """\
name: plant
project_id: plant-project
region: europe-west1
location: europe-west1
dataflows:
  air:
    services:
      bridge: {service_account: bridge-sa}
      job: {service_account: job-sa}
      store: {service_account: store-sa}
    resources:
"""
TOPICS = """
topics:
  - name: readings
    message_retention_duration: 10m
    producers: [{name: bridge, lookup: {key: destination}}]
subscriptions:
  - name: readings-job
    topic: readings
    consumer_service: {name: job, lookup: {key: subscription}}
"""  # bridge -> readings -> job
SHIPPED: Prices = read()


def plant(resources: str, texts: dict[str, str] | None = None) -> Blueprint:
    """An architecture with these resources, as YAML."""
    return load_texts({"hub.yaml": HEAD + indent(dedent(resources), " " * 6), **(texts or {})}, "hub.yaml")


def usage(messages_per_second: float = 100, size: int = 500, **sections: Any) -> Usage:
    """So much where data enters, and what else is said."""
    defaults = {"messages_per_second": messages_per_second, "bytes": size}
    return parse({"defaults": defaults, **sections}, Usage, "usage")


def reckoned(blueprint: Blueprint, said: Usage | None = None) -> Estimate:
    return estimate(blueprint, "air", said or usage(), SHIPPED)


def lines(blueprint: Blueprint, said: Usage | None = None) -> dict[tuple[str, str], Line]:
    """By the last part of each resource's name and what it costs that for."""
    return {(tail(line.name), line.what): line for line in reckoned(blueprint, said).lines}


def gaps(blueprint: Blueprint, said: Usage | None = None) -> dict[tuple[str, str], str]:
    """The same of what is not reckoned: why."""
    return {(tail(gap.name), gap.what): gap.why for gap in reckoned(blueprint, said).gaps}


def tail(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[2]


def names(prices: Prices) -> list[str]:
    """The paths of all prices of a table."""
    return list(_names("", prices.model_dump()))


def _names(path: str, inner: Any) -> Iterator[str]:
    if isinstance(inner, dict):
        for key, value in inner.items():
            yield from _names(f"{path}.{key}", value)
    elif isinstance(inner, float):
        yield path.removeprefix(".")
