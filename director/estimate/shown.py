"""An estimate as text for people, and as JSON for programs; docs/estimate.md describes both."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from director.estimate.charges import WHOLE
from director.estimate.estimate import Estimate, Gap, Line
from director.estimate.units import readable

VERSION = 1
CAVEAT = (
    "indicative: prices are as in the table, not asked of Google; free tiers, discounts, taxes, queries, network, logs "
    "and what is not in the document are not counted"
)


def text(found: Estimate) -> Iterator[str]:
    """A line for each cost, the total, and what is not in it."""
    currency = found.prices.currency
    for line in found.lines:
        yield _line(line)
    what = "what the plan creates" if found.of_plan else "all of it"
    yield f"{found.total:>12,.2f} {currency} a month: dataflow {found.dataflow}, {what}"
    for gaps in _by_reason(found.gaps):
        names = ", ".join(f"{gap.kind} {gap.name}" for gap in gaps)
        what = "" if gaps[0].what == WHOLE else f"{gaps[0].what} of "
        yield f"not reckoned: {what}{names}: {gaps[0].why}"


def heading(found: Estimate) -> str:
    """What all estimates of one table have in common."""
    here = found.prices.region == found.region
    elsewhere = "" if here else f" (and the architecture is in {found.region}, where they are others)"
    return f"prices of {found.prices.as_of} in {found.prices.region}{elsewhere}, {found.prices.currency}; {CAVEAT}"


def _line(line: Line) -> str:
    reckoned = f"{readable(line.quantity)} {line.unit} at {price(line.unit_price)}"
    return f"{line.per_month:>12,.2f} {line.kind} {line.name} {line.what}: {reckoned} ({line.assumption})"


def price(value: float) -> str:
    """At least two decimals, and as many as it has."""
    short = f"{value:.10f}".rstrip("0")
    whole, _, decimals = short.partition(".")
    return f"{whole}.{decimals:0<2}"


def _by_reason(gaps: Sequence[Gap]) -> Iterable[Sequence[Gap]]:
    """What has the same reason is told once."""
    found: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        found.setdefault((gap.what, gap.why), []).append(gap)
    return found.values()


def as_json(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """JSON's types only; the same estimates, the same JSON."""
    prices = estimates[0].prices
    return {
        "version": VERSION,
        "currency": prices.currency,
        "prices": {"as_of": prices.as_of, "region": prices.region},
        "total_per_month": float(sum(one.total for one in estimates)),
        "caveat": CAVEAT,
        "estimates": [_json(one) for one in estimates],
    }


def _json(found: Estimate) -> dict[str, Any]:
    return {
        "architecture": found.architecture,
        "environment": found.environment,
        "region": found.region,
        "dataflow": found.dataflow,
        "of": "plan" if found.of_plan else "document",
        "total_per_month": float(found.total),
        "lines": [_json_line(line) for line in found.lines],
        "not_reckoned": [{"kind": gap.kind, "name": gap.name, "what": gap.what, "why": gap.why} for gap in found.gaps],
        "topics": {
            name: {
                "messages_per_second": told.rate.messages,
                "bytes_per_second": told.rate.bytes,
                "assumption": told.why,
            }
            for name, told in sorted(found.flow.topics.items())
        },
    }


def _json_line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "name": line.name,
        "what": line.what,
        "quantity": line.quantity,
        "unit": line.unit,
        "price": line.price,
        "unit_price": line.unit_price,
        "per_month": float(line.per_month),
        "assumption": line.assumption,
    }
