"""The filters of lists, as far as the platform writes them: comparisons joined by AND.

    metric.type = "custom.googleapis.com/a" AND resource.labels.job = "bridge"
    metric.type = starts_with("custom.googleapis.com/")

Source: https://cloud.google.com/monitoring/api/v3/filters
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from localcloud.rpc import RpcError, invalid_argument

_COMPARISON = re.compile(
    r"\s*(?P<field>(metric|resource)\.(type|labels?\.[A-Za-z_]\w*))\s*=\s*"
    r'((?P<prefix>starts_with)\(\s*"(?P<start>[^"\\]*)"\s*\)|"(?P<equal>[^"\\]*)")\s*(?P<more>AND\b|$)',
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str  # `metric.type`, `resource.labels.job`
    value: str
    prefix: bool

    def holds(self, series: Any) -> bool:
        part, _, name = self.field.partition(".")
        of = getattr(series, part)
        if name == "type":
            return self._fits(of.type)
        key = name.partition(".")[2]
        return key in of.labels and self._fits(of.labels[key])

    def _fits(self, text: str) -> bool:
        return text.startswith(self.value) if self.prefix else text == self.value


def comparisons(text: str) -> Sequence[Comparison]:
    """Raises UNIMPLEMENTED for anything else the language has: it is not told apart from nonsense."""
    found, position = [], 0
    while position < len(text):
        match = _COMPARISON.match(text, position)
        if not match or (match["more"] and match.end() == len(text)):
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud does not support this filter: {text}")
        value = match["start"] if match["prefix"] else match["equal"]
        found.append(Comparison(match["field"], value, bool(match["prefix"])))
        position = match.end()
    return found


def matcher(text: str) -> Callable[[Any], bool]:
    """Whether a time series is meant. Raises INVALID_ARGUMENT unless the filter names one metric type."""
    wanted = comparisons(text)
    if sum(each.field == "metric.type" and not each.prefix for each in wanted) != 1:
        raise invalid_argument(f'Field filter had an invalid value of "{text}": It must specify a single metric.type.')
    return lambda series: all(each.holds(series) for each in wanted)
