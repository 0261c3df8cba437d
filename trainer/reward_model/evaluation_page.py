"""The page of `rlmr rm eval`: one self-contained file, plots as SVG inside it."""

import io
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape


def write_page(found: dict[str, Any], source: str, path: Path) -> None:
    """`found`: as of evaluate.evaluate."""
    environment = Environment(
        loader=PackageLoader("trainer.reward_model"), autoescape=select_autoescape(["html", "jinja"])
    )
    page = environment.get_template("evaluation.html.jinja").render(found=found, source=source, plots=[_plots(found)])
    path.write_text(page, encoding="utf-8")


def _plots(found: dict[str, Any]) -> str:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plain = {"svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "rlmr"}
    with plt.rc_context(plain):
        figure, (gaps, reliability, length) = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
        rows = found["by_gap"]
        values = [row["value"] for row in rows]
        errors = [
            [v - r["low"] for v, r in zip(values, rows, strict=True)],
            [r["high"] - v for v, r in zip(values, rows, strict=True)],
        ]
        gaps.errorbar([_range(row) for row in rows], values, yerr=errors, fmt="o", color="#0072b2", capsize=3)
        gaps.axhline(0.5, color="gray", linestyle=":")
        gaps.set(title="Right order by length ratio", xlabel="tokens, chosen / rejected", ylim=(0, 1.05))
        bins = found["calibration"]["bins"]
        reliability.plot([0.5, 1], [0.5, 1], color="gray", linestyle=":")
        reliability.plot([b["stated"] for b in bins], [b["right"] for b in bins], "o-", color="#d55e00")
        reliability.set(title="Calibration", xlabel="stated probability", ylabel="in the right order", ylim=(0, 1.05))
        points = found["points"]
        length.scatter([n for n, _ in points], [s for _, s in points], s=6, alpha=0.4, color="#009e73")
        length.set(title="Score and length", xlabel="tokens", ylabel="raw score / std")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        plt.close(figure)
    body = text.getvalue()
    return body[body.index("<svg") :]


def _range(row: dict[str, Any]) -> str:
    low, high = row["from"], row["to"]
    if low is None:
        return f"< {high:.2g}"
    return f"> {low:.2g}" if high is None else f"{low:.2g} to {high:.2g}"
