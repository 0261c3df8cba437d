"""calibration.html: one self-contained page."""

from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, select_autoescape

from trainer.calibrate.advice import Advice
from trainer.calibrate.asking import Group
from trainer.calibrate.figures import Figures


def write_page(path: Path, figures: Figures, groups: list[Group], advice: list[Advice], told: dict[str, Any]) -> None:
    """`told`: name, policy, strategy, of (prompts in all), batch, bounds, longest (tokens of a response)."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("trainer.calibrate"), PackageLoader("trainer.reports")]),
        autoescape=select_autoescape(["html", "jinja"]),
    )
    met = Counter(sum(v is False for v in g.reward.violated) for g in groups)
    histogram = [met[k] for k in range(figures.n + 1)]
    page = environment.get_template("calibration.html.jinja").render(
        f=figures, advice=advice, histogram=histogram, **told
    )
    path.write_text(page, encoding="utf-8")
