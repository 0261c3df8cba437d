"""report.html: one self-contained page; its data stands in it as JSON, and a script of its own draws it."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from trainer.onset.guarding import read_onset
from trainer.replay.stored import NotReplayable, read_run
from trainer.reports.compare import read_summary
from trainer.reports.curves import curves
from trainer.reports.groups import shown_groups
from trainer.run.ledger import Ledger

ROWS = (
    ("compliance", "Compliance", "{:.1%}"),
    ("writing_score", "Writing score (std. dev.)", "{:+.3f}"),
    ("world_quality", "World quality (0 to 1)", "{:.3f}"),
    ("response_tokens", "Response length (tokens)", "{:.1f}"),
)


def write_report(run: Path, ledger: Ledger) -> Path:
    """report.html of a run's folder, from what stands in it: summary.json, settings.json, command.json, before.json, after.json, the
    ledger. Returns its path. Raises NoSummary for a run that has not ended."""
    summary = read_summary(run)
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
    groups, no_groups = _groups(ledger)
    onset = read_onset(ledger.folder)
    data = {
        "charts": curves(ledger),
        "groups": groups,
        "onset": None if onset is None else {"step": onset.step, "alarm": onset.alarm_step},
    }
    page = environment.get_template("report.html.jinja").render(
        summary=summary,
        table=table,
        examples=_examples(*(_json(run / f"{name}.json", {}).get("rows", []) for name in ("before", "after"))),
        settings=json.dumps(
            {name: _json(run / f"{name}.json", None) for name in ("settings", "command")}, indent=2, ensure_ascii=False
        ),
        onset=onset.told() if onset else None,
        no_groups=no_groups,
        data=Markup(json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")),
    )
    path = run / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _json(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else otherwise


def _examples(before: list[dict[str, Any]], after: list[dict[str, Any]], count: int = 6) -> list[dict[str, Any]]:
    """{prompt, before, after} with before/after = {response, violated, writing, failed}: the first response to the last prompts."""
    first, later = ({r["prompt_id"]: r for r in reversed(rows)} for rows in (before, after))
    shared = [id for id in first if id in later][-count:]
    return [{"prompt": first[id]["prompt"], "before": first[id], "after": later[id]} for id in shared]


def _groups(ledger: Ledger) -> tuple[list[dict[str, Any]], str | None]:
    """Those that are shown, or why there are none."""
    try:
        return shown_groups(read_run(ledger.folder), len(ledger.training_groups)), None
    except NotReplayable as exc:
        return [], str(exc)


def _change(key: str, before: float, after: float) -> str:
    return f"{100 * (after - before):+.1f} points" if key == "compliance" else f"{after - before:+.3f}"
