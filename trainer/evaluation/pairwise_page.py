"""The figures of `rlmr eval pairwise` as Markdown and as a page."""

import json
from pathlib import Path
from typing import Any

from trainer.data.rows import write_text
from trainer.evaluation.results import interval, render

HEADS = {
    "win_rate": "win rate",
    "length_controlled": "at equal length",
    "consistency": "same in both orders",
    "first_place": "for the first shown",
}


def share(of: dict[str, Any]) -> str:
    return interval({**of, "share": True})


def points(of: dict[str, Any]) -> str:
    if of["low"] is None:
        return f"{of['value']:+.0f}"
    return f"{of['value']:+.0f} [{of['low']:+.0f}, {of['high']:+.0f}]"


def counted(counts: dict[str, int]) -> str:
    text = f"{counts['judged']} of {counts['questions']} verdicts"
    text += f", {counts['unparseable']} unparseable" if counts["unparseable"] else ""
    return text + (f", {counts['failed']} missing" if counts["failed"] else "")


def markdown(found: dict[str, Any]) -> str:
    lines = ["# Pairwise", "", f"{counted(found['counts'])}. Identity {found['identity']}.", ""]
    lines += [
        "| pair | prompts | won, tied, lost | " + " | ".join(HEADS.values()) + " |",
        "|---" * (3 + len(HEADS)) + "|",
    ]
    for p in found["pairs"]:
        cells = [f"{p['a']} against {p['b']}", str(p["prompts"]), f"{p['won']}, {p['tied']}, {p['lost']}"]
        lines.append("| " + " | ".join([*cells, *(share(p[name]) for name in HEADS)]) + " |")
    lines += ["", "| model | strength |", "|---|---|"]
    lines += [f"| {name} | {points(of)} |" for name, of in found["ranking"].items()]
    lines += [
        "",
        "Each pair is judged in both orders; a prompt's win needs more than half of both verdicts. Strength: Bradley-Terry, 400 points = odds "
        "of 10 to 1. In brackets 95 % bootstrap intervals over prompts.",
    ]
    return "\n".join(lines)


def pages(found: dict[str, Any]) -> dict[str, str]:
    """File name -> text."""
    settings = json.dumps(found["settings"], ensure_ascii=False, indent=1)
    said = counted(found["counts"])
    return {
        "results.md": f"{markdown(found)}\n\n```json\n{settings}\n```\n",
        "index.html": render("pairwise.html.jinja", found=found, heads=HEADS, share=share, points=points, said=said),
    }


def write_results(found: dict[str, Any], out: Path) -> None:
    write_text(out / "results.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    for name, text in pages(found).items():
        write_text(out / name, text)
