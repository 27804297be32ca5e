"""The race as a picture: three sets of bars, one colour for ours."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.race import Outcome

PANELS = (
    ("msg/s", "messages per second\n(longer is better)"),
    ("msg/CPU-s", "messages per CPU-second\n(longer is better)"),
    ("p99 ms at 1k/s", "p99 latency at 1,000/s, ms\n(shorter is better)"),
)
OURS, OTHERS = "#1a73e8", "#b8c0cc"


def draw(outcome: Outcome, file: Path) -> None:
    """Writes the chart in the format of the file's name; the same outcome gives the same SVG."""
    mpl.rcParams["svg.hashsalt"] = "bridge"
    figure = Figure(figsize=(11, 0.9 + 0.45 * len(outcome.rows)), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, len(PANELS), sharey=True), PANELS, strict=True):
        _panel(axes, {who: row[metric] for who, row in outcome.rows.items() if metric in row}, list(outcome.rows))
        axes.set_title(title, fontsize=10)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _panel(axes: Axes, values: dict[str, float], order: list[str]) -> None:
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    for who, value in values.items():
        place = order.index(who)
        axes.barh(place, value, color=OURS if who.startswith("ours") else OTHERS)
        axes.annotate(_label(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xlim(0, max(values.values(), default=1) * 1.25)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
