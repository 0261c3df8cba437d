"""`rlmr calibrate`: sample, ask, measure, advise, write. One calibration is one folder."""

import json
import random
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from rlmr.adapters.settings import Settings
from trainer.calibrate.advice import Advice, advise
from trainer.calibrate.asking import Group, ask, verifier_of
from trainer.calibrate.figures import Figures, measure
from trainer.calibrate.page import write_page
from trainer.evaluation.sample import Sampled, sample
from trainer.evaluation.served import sample_served
from trainer.reports.summary import write_json
from trainer.run.local_services import local_services
from trainer.run.material import chosen_prompts, load_material, writing_rm_of
from trainer.run.preflight import check_services, check_strategy
from trainer.run.presets import Preset, PresetError


@dataclass(frozen=True)
class Asks:
    """What is asked beside the preset."""

    prompts: int
    """To sample; 0 = all."""
    bounds: tuple[float, float]
    """Of the compliance of the prompts to keep, shares."""
    policy_url: str | None = None
    """An OpenAI-compatible endpoint that serves the policy under `policy_name`; None = the preset's model, in this process."""
    policy_name: str | None = None
    verifier_url: str | None = None


@dataclass(frozen=True)
class Calibration:
    figures: Figures
    advice: list[Advice]
    of: int
    """Prompts that there are."""


def calibrate(preset: Preset, asks: Asks, folder: Path, console: Console) -> Calibration:
    """Writes calibration.json, calibration.html, prompts.jsonl and responses.jsonl. Raises PresetError before anything is started if
    the preset cannot work."""
    check_strategy(preset.strategy)
    if preset.prompts is None:
        raise PresetError("prompts is not set: --set prompts=FILE.jsonl")
    if (preset.services == "external") != bool(preset.reward_url):
        raise PresetError(
            "--set reward_url=http://HOST:8000 goes with services: external, and services: local without one"
        )
    if preset.reward_url:
        check_services(preset.reward_url)
    material = load_material(preset, console)
    rows = chosen_prompts(preset, material)
    chosen = rows if not asks.prompts else random.Random(preset.seed).sample(rows, min(asks.prompts, len(rows)))
    folder.mkdir(parents=True, exist_ok=True)
    with console.status(f"sampling {len(chosen) * preset.n} responses"):
        drawn = _sample(preset, asks, str(material.model), [row["prompt"] for row in chosen])
    with ExitStack() as stack:
        url = preset.reward_url or stack.enter_context(
            local_services(writing_rm_of(preset, material), folder / "logs", environment=preset.service_settings)
        )
        settings = Settings.from_environment({"url": url, "strategy": preset.strategy})
        settings = replace(settings, filter=preset.filter_sent())
        with console.status(f"asking the services about {len(chosen)} groups"):
            asked = ask(chosen, drawn, settings, asks.verifier_url or verifier_of(url))
    figures = measure(asked, batch=preset.batch, bounds=asks.bounds)
    advice = advise(asked.groups, figures)
    _write(folder, asked.groups, figures, advice)
    told: dict[str, Any] = {
        "name": preset.name,
        "policy": asks.policy_name or preset.model,
        "strategy": ", ".join(f"{k} {v}" if k != "name" else str(v) for k, v in preset.strategy.items()),
        "of": len(rows),
        "batch": preset.batch,
        "bounds": asks.bounds,
        "longest": preset.max_new_tokens,
    }
    write_page(folder / "calibration.html", figures, asked.groups, advice, told)
    return Calibration(figures, advice, len(rows))


def _sample(preset: Preset, asks: Asks, model: str, prompts: list[list[dict[str, str]]]) -> list[Sampled]:
    how = {"samples": preset.n, "temperature": preset.temperature, "max_new_tokens": preset.max_new_tokens}
    if asks.policy_url is not None:
        return sample_served(asks.policy_url, asks.policy_name or preset.model, prompts, **how)  # type: ignore[arg-type]
    return sample(model, prompts, seed=preset.seed, engine=preset.eval.engine, **how)  # type: ignore[arg-type]


def _write(folder: Path, groups: list[Group], figures: Figures, advice: list[Advice]) -> None:
    write_json(folder / "calibration.json", {**asdict(figures), "advice": [asdict(a) for a in advice]})
    kept = set(figures.kept_prompts)
    with (
        (folder / "prompts.jsonl").open("w", encoding="utf-8") as prompts,
        (folder / "responses.jsonl").open("w", encoding="utf-8") as responses,
    ):
        for group in groups:
            row = group.prompt
            if row["prompt_id"] in kept:
                label = {"prompt_id": row["prompt_id"], "constraints": row["constraints"]}
                prompts.write(json.dumps({"input": row["prompt"], "label": label}, ensure_ascii=False) + "\n")
            said = {
                "prompt_id": row["prompt_id"],
                "responses": group.drawn.responses,
                "tokens": group.drawn.tokens,
                "writing": group.reward.writing,
                "violated": group.reward.violated,
                "reason": group.reward.reason,
                "constraints": [[(c.type, c.passed) for c in v.constraints] for v in group.verdicts],
            }
            responses.write(json.dumps(said, ensure_ascii=False) + "\n")
