"""A race as a picture: a set of bars for each of its main metrics, one colour for ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.race import Outcome

OURS, OTHERS = "#1a73e8", "#b8c0cc"


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of one metric; `log` where contenders are orders of magnitude apart."""

    metric: str
    title: str
    log: bool = False


def chart(name: str, panels: Sequence[Panel], ours: tuple[str, ...] = ("ours",)) -> Callable[[Outcome, Path], None]:
    """Writes a chart in the format of the file's name; the same outcome gives the same SVG.

    Who begins with one of `ours` has the colour of ours.
    """

    def draw(outcome: Outcome, file: Path) -> None:
        mpl.rcParams["svg.hashsalt"] = name
        figure = Figure(figsize=(11, 0.9 + 0.45 * len(outcome.rows)), layout="constrained")
        places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(places, panels, strict=True):
            values = {who: row[panel.metric] for who, row in outcome.rows.items() if panel.metric in row}
            _panel(axes, values, list(outcome.rows), panel.log, ours)
            axes.set_title(panel.title, fontsize=10)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)

    return draw


def _panel(axes: Axes, values: dict[str, float], order: list[str], log: bool, ours: tuple[str, ...]) -> None:
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.5, -0.5)
    for who, value in values.items():
        place = order.index(who)
        axes.barh(place, value, color=OURS if who.startswith(ours) else OTHERS)
        axes.annotate(_label(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    longest = max(values.values(), default=1)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(min(values.values(), default=1) / 3, longest * 8)
    else:
        axes.set_xlim(0, longest * 1.25)
    axes.xaxis.set_major_locator(NullLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
