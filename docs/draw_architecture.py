"""Draws docs/images/architecture.svg from the code's own imports: `make picture` (`--check` fails if the picture is not theirs).

A box is a room: a module or package just below a floor. A line is at least one import, thicker where there are more.
"""

import math
import sys
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks/ is not installed

PICTURE = Path(__file__).parent / "images" / "architecture.svg"
FLOORS = {
    "benchmarks": [],
    "trainer": ["commands", "run", "world", "reports", "evaluation", "data", "grpo", "reward_model"],
    "services": ["commands", "aggregator", "verifier", "writing_rm", "serving"],
    "rlmr": ["cli", "client", "adapters", "calls", "wire"],
}
"""From the roof to the ground, rooms from left to right; benchmarks are one room."""
JOBS = {
    "benchmarks": "measures the floors below, side by side with others",
    "trainer.commands": "train, compare, rm, eval, world",
    "trainer.run": "one run: preset to report",
    "trainer.world": "the story world",
    "trainer.reports": "plots and pages",
    "trainer.evaluation": "before and after; benchmarks",
    "trainer.data": "prompt files",
    "trainer.grpo": "inside and around OpenRLHF",
    "trainer.reward_model": "export, check, calibrate",
    "services.commands": "serve, doctor",
    "services.aggregator": "POST /reward: asking, deciding, mixing/",
    "services.verifier": "POST /verify: constraints/, text/, judge/",
    "services.writing_rm": "POST /score: model/, engines/, batching",
    "services.serving": "app, limits, metrics, drain",
    "rlmr.cli": "names every command, loads it late",
    "rlmr.client": "RlmrClient, AsyncRlmrClient",
    "rlmr.adapters": "for TRL and verl",
    "rlmr.calls": "every HTTP call: policy, transports",
    "rlmr.wire": "the JSON that everyone speaks",
}
MERGED = {"rlmr.aiohttp_transport": "rlmr.calls", "rlmr.httpx_transport": "rlmr.calls"}

WIDTH, LEFT, MARGIN, GAP = 1200, 110, 20, 14
BOX, LANE = 62, 84
"""Heights in pixels: of a box, and of the room for lines between two floors."""


def room_of(module: str) -> str | None:
    """The box a module stands in; None for what only holds the floor together (a package's own __init__, __main__)."""
    parts = module.split(".")
    if parts[0] == "benchmarks":
        return "benchmarks"
    name = ".".join(parts[:2])
    name = MERGED.get(name, name)
    return name if len(parts) > 1 and name in JOBS else None


def lines_between_rooms() -> Counter[tuple[str, str]]:
    graph = grimp.build_graph(*FLOORS, cache_dir=None)
    lines: Counter[tuple[str, str]] = Counter()
    known = {room for module in graph.modules if (room := room_of(module))}
    assert known == set(JOBS), f"rooms and JOBS differ: {known ^ set(JOBS)}"
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            here, there = room_of(module), room_of(imported)
            if here and there and here != there:
                lines[here, there] += 1
    return lines


def boxes() -> dict[str, tuple[float, float, float]]:
    """Per room its x, y and width."""
    placed, y = {}, float(MARGIN)
    for floor, rooms in FLOORS.items():
        names = [f"{floor}.{room}" for room in rooms] or [floor]
        width = (WIDTH - LEFT - MARGIN - GAP * (len(names) - 1)) / len(names)
        for i, name in enumerate(names):
            placed[name] = (LEFT + i * (width + GAP), y, width)
        y += BOX + LANE
    return placed


def draw() -> str:
    placed, lines = boxes(), lines_between_rooms()
    height = MARGIN + 50 + len(FLOORS) * BOX + (len(FLOORS) - 1) * LANE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif">',
        "<style>.floor{fill:#57606a;font-size:17px;font-weight:600}.room{fill:#1f2328;font-size:14px;font-weight:600}"
        ".job{fill:#57606a;font-size:11px}.box{fill:#f6f8fa;stroke:#afb8c1}.line{fill:none;stroke:#0969da;stroke-opacity:.35}"
        ".same{stroke:#9a6700}.sheet{fill:#fff}@media (prefers-color-scheme:dark){.floor,.job{fill:#9198a1}.room{fill:#e6edf3}"
        ".box{fill:#161b22;stroke:#3d444d}.sheet{fill:#0d1117}.line{stroke:#4493f8}.same{stroke:#d29922}}</style>",
        f'<rect class="sheet" width="{WIDTH}" height="{height}"/>',
    ]
    for (here, there), count in sorted(lines.items()):
        parts.append(_line(placed[here], placed[there], count))
    for name, (x, y, width) in placed.items():
        parts.append(f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BOX}" rx="6"/>')
        middle, shown = x + width / 2, name.rpartition(".")[2]
        parts.append(
            f'<text class="room" x="{middle:.1f}" y="{y + 22:.1f}" text-anchor="middle">{escape(shown)}</text>'
        )
        for i, row in enumerate(_rows(JOBS[name], width)):
            place = f'x="{middle:.1f}" y="{y + 39 + 14 * i:.1f}"'
            parts.append(f'<text class="job" {place} text-anchor="middle">{escape(row)}</text>')
    for floor in FLOORS:
        y = next(y for name, (_, y, _) in placed.items() if name.split(".")[0] == floor)
        if FLOORS[floor]:
            parts.append(f'<text class="floor" x="{MARGIN}" y="{y + BOX / 2 + 6:.1f}">{floor}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(start: tuple[float, float, float], end: tuple[float, float, float], count: int) -> str:
    (x1, y1, w1), (x2, y2, w2) = start, end
    a, b = x1 + w1 / 2, x2 + w2 / 2
    thick = f'stroke-width="{1 + math.log2(count):.1f}"'
    if y1 == y2:  # the same floor: an arc below it
        low = y1 + BOX
        dip = low + 14 + abs(a - b) * 0.03
        return f'<path class="line same" {thick} d="M{a:.1f} {low:.1f} C{a:.1f} {dip:.1f} {b:.1f} {dip:.1f} {b:.1f} {low:.1f}"/>'
    top, bottom = y1 + BOX, y2
    bend = (bottom - top) * 0.5
    return (
        f'<path class="line" {thick} '
        f'd="M{a:.1f} {top:.1f} C{a:.1f} {top + bend:.1f} {b:.1f} {bottom - bend:.1f} {b:.1f} {bottom:.1f}"/>'
    )


def _rows(text: str, width: float) -> list[str]:
    rows = [""]
    for word in text.split():
        if rows[-1] and (len(rows[-1]) + len(word) + 1) * 5.6 > width - 10:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows


def main() -> None:
    picture = draw()
    if "--check" in sys.argv:
        if not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != picture:
            raise SystemExit(f"{PICTURE.name} is not what the imports say: run `make picture`")
    else:
        PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
