"""cost.svg: CPU per query and resident memory by size of the list, for all peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.aims import ECHO, IP4SET, IP4TRIE, PRODUCT, TWO_WORKERS
from benchmarks.figures import Figures
from benchmarks.lists import PLANS

if TYPE_CHECKING:  # an extra: only who draws needs it
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart too.
COLOURS: Final = {
    PRODUCT: "#0072b2",
    TWO_WORKERS: "#56b4e9",
    IP4SET: "#d55e00",
    IP4TRIE: "#e69f00",
    ECHO: "#8a8a8a",
}
MARKERS: Final = {PRODUCT: "o", TWO_WORKERS: "D", IP4SET: "s", IP4TRIE: "^", ECHO: "x"}
INK: Final = "#333333"
PANELS: Final = (
    ("cpu_us", "CPU per query, µs", tuple(COLOURS)),
    ("resident_mb", "Resident memory, MB", tuple(peer for peer in COLOURS if peer != ECHO)),
)
SETTINGS: Final[dict[Any, Any]] = {
    "svg.hashsalt": "dnsbl",  # the same figures give the same file
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(figures: Figures, file: Path) -> None:
    """Writes the picture; as SVG, or whatever the file's name ends in."""
    import matplotlib as mpl  # noqa: PLC0415  # an extra: only who draws needs it

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  # the same

    with mpl.rc_context(SETTINGS):
        figure, panels = plt.subplots(1, len(PANELS), figsize=(9.5, 4.2), layout="constrained")
        for panel, (name, title, peers) in zip(panels, PANELS, strict=True):
            _panel(panel, figures, name, title, peers)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
        plt.close(figure)


def _panel(panel: Axes, figures: Figures, name: str, title: str, peers: Sequence[str]) -> None:
    sizes = sorted(
        (PLANS[bench_list].entries, bench_list)
        for bench_list in figures.lists
        if not PLANS[bench_list].ranges
    )
    for peer in peers:
        points = [
            (entries, spread)
            for entries, bench_list in sizes
            if (spread := figures.spread(bench_list, peer, name)) is not None
        ]
        if not points:
            continue
        middles = [spread.median for _, spread in points]
        reach = [
            [spread.median - spread.lowest for _, spread in points],
            [spread.highest - spread.median for _, spread in points],
        ]
        panel.errorbar(
            [entries for entries, _ in points],
            middles,
            yerr=reach,
            label=peer,
            color=COLOURS[peer],
            marker=MARKERS[peer],
            markersize=5,
            linewidth=2 if peer == PRODUCT else 1.3,
            elinewidth=0.8,
            capsize=2,
            zorder=3 if peer == PRODUCT else 2,
        )
    panel.set_title(title, loc="left", fontsize=11)
    panel.set_xscale("log")
    panel.set_xlabel("addresses listed")
    panel.set_xticks([entries for entries, _ in sizes], [_size(entries) for entries, _ in sizes])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
    panel.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _size(entries: int) -> str:
    million = 1_000_000
    return f"{entries // million} million" if entries >= million else f"{entries:,}"
