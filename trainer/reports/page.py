"""report.html: one self-contained page, pictures embedded."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

ROWS = (
    ("compliance", "Compliance", "{:.1%}"),
    ("writing_score", "Writing score (std. dev.)", "{:+.3f}"),
    ("world_quality", "World quality (0 to 1)", "{:.3f}"),
    ("response_tokens", "Response length (tokens)", "{:.1f}"),
)


def write_report(
    path: Path, summary: dict[str, Any], plots: list[Path], examples: list[dict[str, Any]], settings: dict[str, Any]
) -> None:
    """`examples`: {prompt, before, after} with before/after = {response, violated, writing, failed}."""
    environment = Environment(loader=PackageLoader("trainer.reports"), autoescape=select_autoescape(["html", "jinja"]))
    before, after = summary["before"], summary["after"]
    table = (
        [
            (label, form.format(before[key]), form.format(after[key]), _change(key, before[key], after[key]))
            for key, label, form in ROWS
            if before.get(key) is not None and after.get(key) is not None
        ]
        if before and after
        else []
    )
    pictures = [(p.stem, base64.b64encode(p.read_bytes()).decode()) for p in plots]
    page = environment.get_template("report.html.jinja").render(
        summary=summary, table=table, pictures=pictures, examples=examples, settings=settings
    )
    path.write_text(page, encoding="utf-8")


def _change(key: str, before: float, after: float) -> str:
    return f"{100 * (after - before):+.1f} points" if key == "compliance" else f"{after - before:+.3f}"
