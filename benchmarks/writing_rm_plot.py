"""Draws docs/images/writing_rm.png from benchmarks/results/writing_rm.json: tokens/s side by side."""

import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "writing_rm.json"
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "writing_rm.png"
COLOURS = {"serve_rm": "#b0b0b0", "rlmr": "#2a6f97", "bare forward": "#e0b050"}


def draw() -> Path:
    """One panel per model and workload; bars are medians over rounds, with 8 callers; the bare forward runs the same batches."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    told = json.loads(RESULTS.read_text())
    models = list(told["per_model"])
    figure, axes = plt.subplots(1, 2 * len(models), figsize=(3.2 * 2 * len(models), 3.2), squeeze=False)
    panels = [(model, workload) for model in models for workload in ("groups", "unrelated")]
    for axis, (model, workload) in zip(axes[0], panels, strict=True):
        rows = [
            r
            for r in told["rows"]
            if (r["model"], r["workload"], r["callers"]) == (model, workload, told["headline_callers"])
        ]
        speeds = {
            system: statistics.median(r["tokens_per_s"] for r in rows if r["system"] == system) for system in COLOURS
        }
        axis.bar(list(speeds), list(speeds.values()), color=list(COLOURS.values()))
        title = "8 responses a prompt" if workload == "groups" else "unrelated texts"
        axis.set_title(f"{model}: {title}", fontsize=9)
        axis.set_ylabel("tokens/s", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)
    return PICTURE


if __name__ == "__main__":
    print(f"==> {draw()}")
