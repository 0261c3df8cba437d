"""`rlmr train`: prepare, serve, evaluate, train, evaluate, report. One run is one folder, runs/<name>/."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from rlmr.adapters.settings import Settings
from trainer.data.prompts import prepare
from trainer.evaluation.judge import Judged, judge, summarise
from trainer.evaluation.sample import sample
from trainer.grpo.batches import problems
from trainer.grpo.flags import openrlhf_flags
from trainer.grpo.guarantee import violations
from trainer.grpo.lagrange import Price
from trainer.onset.sources import source_of
from trainer.reports.page import write_report
from trainer.reports.plots import draw_all
from trainer.reports.summary import summarise_run, write_json, write_metrics
from trainer.run.distortion import DistortingProxy
from trainer.run.ledger import Ledger
from trainer.run.local_services import local_services
from trainer.run.material import chosen_prompts, load_material, quality_of, writing_rm_of
from trainer.run.pinning import revisions
from trainer.run.preflight import check_prompts, check_room, check_services, check_strategy
from trainer.run.presets import Preset, PresetError
from trainer.run.resuming import open_run, pin
from trainer.run.training import train


@dataclass(frozen=True)
class FinishedRun:
    folder: Path
    ledger: Ledger
    before: Judged | None
    after: Judged | None
    quality: Callable[[str], float] | None
    """True quality of a response, where the world can compute it."""
    seconds: dict[str, float]
    """By stage."""
    unseen: frozenset[str]
    """Held-out prompts (ids) of a kind that training did not take: empty unless the preset's train_on chooses."""


def run_preset(
    preset: Preset,
    runs: Path,
    console: Console,
    *,
    name: str | None = None,
    before: Judged | None = None,
    resume: bool = False,
    overwrite: bool = False,
    max_prompts: int | None = None,
) -> FinishedRun:
    """Runs the preset in its folder. `before`: the evaluation of the untrained policy, if another run has made it. resume: goes on
    from the folder's last checkpoint; overwrite: removes what is there (resuming.py). max_prompts: ends the run early once so many prompts are drawn.

    Raises PresetError before anything is started if the preset cannot work."""
    run = runs.resolve() / (name or f"{preset.name}-{preset.strategy.get('name')}-seed{preset.seed}")
    _check(preset, run)
    stages = Stages(console)
    with stages("prepare"):
        material = load_material(preset, console)
        quality = quality_of(material)
        prompts = chosen_prompts(preset, material)
        check_prompts(len(prompts), preset)
        step = open_run(run, preset, resume=resume, overwrite=overwrite)
        if resume:
            console.print(f"resuming {run} after step {step} of {preset.steps}", highlight=False, soft_wrap=True)
        prompts_file, eval_file = run / "prompts_train.jsonl", run / "prompts_eval.jsonl"
        # More than planned, where there are more: each dropped group takes one. Past the last a new epoch begins.
        count = 2 * preset.steps * preset.batch
        prepare(prompts, prompts_file, split="train", count=count, seed=preset.seed)
        held_out = material.eval_prompts[: preset.eval.prompts]
        prepare(held_out, eval_file, split="eval")
        flags = openrlhf_flags(
            preset,
            model=material.model,
            prompts=prompts_file,
            output=run / "policy",
            eval_prompts=eval_file if held_out else None,
        )
        flags["ckpt.load_enable"] = resume
    proxies: list[DistortingProxy] = []

    def distorting(writing_rm_url: str) -> AbstractContextManager[str]:
        if preset.distortion is None:
            return nullcontext(writing_rm_url)
        proxies.append(DistortingProxy(preset.distortion, writing_rm_url, quality))
        return proxies[0].running()

    @contextmanager
    def undistorted() -> Iterator[None]:
        for proxy in proxies:
            proxy.active = False
        yield
        for proxy in proxies:
            proxy.active = True

    with ExitStack() as stack:
        with stages("services"):
            url = preset.reward_url or stack.enter_context(
                local_services(
                    writing_rm_of(preset, material),
                    run / "logs",
                    environment=preset.service_settings,
                    between=distorting,
                )
            )
        # Evaluation needs both signals whatever strategy trains; rlmr is one that asks for both.
        settings = Settings.from_environment({"url": url, "strategy": {"name": "rlmr"}})
        chosen = replace(settings, strategy=preset.strategy, filter=preset.filter_sent())
        pinned = pin(run, revisions(chosen))
        with stages("evaluate before"), undistorted():
            before = before or _kept(run)
            if before is None:
                before = _evaluate(preset, str(material.model), held_out, settings, console, "evaluating before")
            _keep(run, before, "before.json")
        with stages("train"):
            ledger = train(
                flags,
                run,
                reward_url=url,
                strategy=preset.strategy,
                group_filter=chosen.filter,
                percentiles=preset.percentiles(),
                price=preset.price,
                expect=pinned,
                steps=preset.steps,
                console=console,
                max_prompts=max_prompts,
                held_back=source_of("world") if material.in_world else None,
            )
        with stages("evaluate after"), undistorted():
            after = _evaluate(preset, str(run / "policy"), held_out, settings, console, "evaluating after")
            _keep(run, after, "after.json")
    with stages("report"):
        means = [summarise(j, quality) if j else None for j in (before, after)]
        summary = summarise_run(
            preset, ledger, wall_seconds=stages.seconds, before=means[0], after=means[1], revisions=pinned
        )
        write_json(run / "summary.json", summary)
        write_metrics(ledger, run / "metrics.jsonl")
        draw_all(ledger, means[0], means[1], run / "plots")
        write_report(run, ledger)
    takes = preset.train_on.takes if preset.train_on else lambda constraints: True
    unseen = frozenset(row["prompt_id"] for row in held_out if not takes(row["constraints"]))
    return FinishedRun(run, ledger, before, after, quality, stages.seconds, unseen)


def _check(preset: Preset, run: Path) -> None:
    check_strategy(preset.strategy)
    try:
        Price.of(preset.strategy, preset.price)
    except ValueError as exc:
        raise PresetError(f"price: {exc}") from exc
    flags = openrlhf_flags(preset, model=preset.model, prompts=run, output=run / "policy", eval_prompts=None)
    broken = violations(preset.strategy["name"], flags)
    if broken:
        raise PresetError(
            f"these settings break the guarantee of strategy {preset.strategy['name']} that no violator has a positive advantage:\n- "
            + "\n- ".join(broken)
        )
    if preset.distortion is not None and preset.services == "external":
        raise PresetError(
            "distortion is for local services: it stands in front of the reward model that this run starts"
        )
    if (preset.services == "external") != bool(preset.reward_url):
        raise PresetError(
            "services: external goes with the aggregator's address (--set reward_url=http://HOST:8000), services: local without one"
        )
    if preset.world_pairs is not None and "world" not in (preset.model, preset.prompts, preset.eval_prompts):
        raise PresetError("world_pairs is for runs in the story world: leave it out")
    if preset.prompts is None:
        raise PresetError(
            "prompts is not set: --set prompts=FILE.jsonl (rows of {input, label: {prompt_id, constraints}})"
        )
    if uneven := problems(flags):
        raise PresetError("these settings do not share the samples out evenly:\n- " + "\n- ".join(uneven))
    check_room(run)
    if preset.reward_url:
        check_services(preset.reward_url)


def _keep(run: Path, judged: Judged | None, name: str) -> None:
    if judged is not None:
        write_json(run / name, {"rows": judged.rows, "failures": judged.failures})


def _kept(run: Path) -> Judged | None:
    path = run / "before.json"
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Judged(kept["rows"], kept["failures"])


def _evaluate(
    preset: Preset, model: str, prompts: list[dict[str, Any]], settings: Settings, console: Console, what: str
) -> Judged | None:
    if not prompts:
        return None
    chosen = preset.eval
    with console.status(f"{what}: sampling {len(prompts) * chosen.samples} responses"):
        sampled = sample(
            model,
            [p["prompt"] for p in prompts],
            samples=chosen.samples,
            temperature=chosen.temperature,
            max_new_tokens=preset.max_new_tokens,
            seed=preset.seed,
            engine=chosen.engine,
        )
    with console.status(f"{what}: judging"):
        judged = judge(prompts, sampled, settings)
    means = summarise(judged)
    console.print(
        f"{what}: compliance {means['compliance']:.1%}, writing score {means['writing_score']:+.3f}, "
        f"{means['response_tokens']:.0f} tokens ({means['responses']} responses)",
        soft_wrap=True,  # whole lines in a log
    )
    return judged


class Stages:
    """Times the stages of a run by name."""

    def __init__(self, console: Console) -> None:
        self.console, self.seconds = console, dict[str, float]()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - started
