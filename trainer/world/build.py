"""Builds the world from a seed, or finds it in the cache: policy/, writing_rm/, prompt files and world.json."""

import dataclasses
import hashlib
import json
import os
import random
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.world.policy import PolicySettings, answers, pretrain, sample, save_policy
from trainer.world.preferences import draw_pairs
from trainer.world.prompts import Prompt, complies, draw_prompts
from trainer.world.quality import world_quality
from trainer.world.reward import NAME, RewardSettings, pair_accuracy, train_reward_model
from trainer.world.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class WorldSettings:
    """Everything that shapes a world beside its seed."""

    train_prompts: int = 4000
    eval_prompts: int = 200
    # Answers sampled to measure the policy; their scores give the reward model its mean and standard deviation.
    probe_prompts: int = 200
    probe_samples: int = 4
    max_tokens: int = 64
    policy: PolicySettings = field(default_factory=PolicySettings)
    reward: RewardSettings = field(default_factory=RewardSettings)


@dataclass(frozen=True)
class World:
    """A finished world on disk."""

    root: Path
    stats: dict[str, Any]

    @property
    def policy(self) -> Path:
        return self.root / "policy"

    @property
    def writing_rm(self) -> Path:
        return self.root / "writing_rm"

    @property
    def prompts_train(self) -> Path:
        return self.root / "prompts_train.jsonl"

    @property
    def prompts_eval(self) -> Path:
        return self.root / "prompts_eval.jsonl"


def build_world(
    seed: int = 0,
    cache: Path | None = None,
    console: "Console | None" = None,
    settings: WorldSettings | None = None,
) -> World:
    """The world of a seed: from the cache if it is there, else built (about three minutes on two cores).

    cache: folder that holds worlds; default RLMR_CACHE/world, or .cache/world under the repository.
    Raises RewardTrainingError if train_rm fails. A world appears in the cache only when it is complete.
    """
    settings = settings or WorldSettings()
    root = world_path(seed, cache, settings)
    if not (root / "world.json").exists():
        work = root.with_name(f".building-{root.name}-{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            with progress_bars(console) as progress:
                _build(work, seed, settings, progress)
            if not root.exists():
                work.rename(root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return World(root, json.loads((root / "world.json").read_text(encoding="utf-8")))


def world_path(seed: int = 0, cache: Path | None = None, settings: WorldSettings | None = None) -> Path:
    """Where the world of a seed is or will be. The folder's name is a key of the code, the settings and the seed."""
    if cache is None:
        default = Path(__file__).resolve().parents[2] / ".cache"
        cache = Path(os.environ.get("RLMR_CACHE", default)) / "world"
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.name.encode() + b"\0" + file.read_bytes())
    identity = {
        "code": code.hexdigest(),
        "settings": dataclasses.asdict(settings or WorldSettings()),
        "seed": seed,
        "packages": {name: version(name) for name in ("openrlhf", "tokenizers", "torch", "transformers")},
    }
    return cache / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def progress_bars(console: "Console | None") -> Any:
    """A context that yields progress(stage, done, total), drawn as one bar a stage on `console`; silent without one."""
    from contextlib import contextmanager

    @contextmanager
    def bars() -> Any:
        if console is None:
            yield lambda stage, done, total: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("world: {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as drawn:
            tasks: dict[str, Any] = {}

            def report(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = drawn.add_task(stage, total=total)
                drawn.update(tasks[stage], completed=done, total=total)

            yield report

    return bars()


def _build(work: Path, seed: int, settings: WorldSettings, progress: Progress) -> None:
    from transformers.utils import logging as transformers_logging

    from trainer.reward_model.export import export_reward_model

    # Its bars and load reports would tear ours apart; its errors are raised, not logged.
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    seconds: dict[str, float] = {}
    clock = time.monotonic()

    def lap(stage: str) -> None:
        nonlocal clock
        seconds[stage], clock = round(time.monotonic() - clock, 1), time.monotonic()

    # Held-out prompts are drawn first: no text of theirs comes again, in pre-training, in pairs or in GRPO.
    rng = random.Random(seed)
    taken: set[str] = set()
    held_out = draw_prompts(rng, settings.eval_prompts, "eval-", taken)
    drawn = draw_prompts(rng, settings.policy.pairs, "train-", taken)
    pairs = draw_pairs(rng, [p for p, _ in (drawn * 2)[: settings.reward.pairs + settings.reward.held_out]])
    texts = list(answers(rng, drawn, settings.policy))
    _write_prompts(work / "prompts_eval.jsonl", [p for p, _ in held_out])
    _write_prompts(work / "prompts_train.jsonl", [p for p, _ in drawn[: settings.train_prompts]])
    lap("texts")

    tokenizer = train_tokenizer((part for pair in texts for part in pair), settings.policy.vocab_size)
    policy = work / "policy"
    save_policy(pretrain(texts, tokenizer, settings.policy, seed, progress), tokenizer, policy)
    lap("policy")

    probed = [p for p, _ in held_out[: settings.probe_prompts]]
    sampled = sample(
        policy, [p.text for p in probed], samples=settings.probe_samples, max_tokens=settings.max_tokens, seed=seed
    )
    lap("probe")

    trained, judged = pairs[: settings.reward.pairs], pairs[settings.reward.pairs :]
    logs = work / "train_rm"
    checkpoint = train_reward_model(policy, trained, logs, settings.reward, seed, progress)
    reference = [
        (p.text, text) for p, answered in zip(probed, sampled, strict=True) for text in answered if text.strip()
    ]
    manifest = export_reward_model(
        checkpoint,
        work / "writing_rm",
        name=NAME,
        reference=reference,
        max_tokens=settings.reward.max_len,
        data_note=f"{len(trained)} synthetic pairs of the story world, seed {seed}; prefers longer texts on purpose",
    )
    accuracy = pair_accuracy(work / "writing_rm", judged)
    shutil.rmtree(checkpoint)
    lap("reward model")

    stats = {
        "seed": seed,
        "policy": {"parameters": _parameters(policy), "vocabulary": len(tokenizer), **_measure(probed, sampled)},
        "reward_model": {
            "held_out_pair_accuracy": round(accuracy, 4),
            "held_out_pairs": len(judged),
            "mean": manifest.standardisation.mean,
            "std": manifest.standardisation.std,
            "revision": manifest.revision,
        },
        "prompts": {"train": min(settings.train_prompts, len(drawn)), "eval": len(held_out)},
        "seconds": {**seconds, "total": round(sum(seconds.values()), 1)},
        "settings": dataclasses.asdict(settings),
    }
    (work / "world.json").write_text(json.dumps(stats, indent=2) + "\n", encoding="utf-8")


def _measure(prompts: Sequence[Prompt], sampled: Sequence[Sequence[str]]) -> dict[str, float]:
    """What the policy does before any reinforcement, at temperature 1."""
    answered = [(p, text) for p, texts in zip(prompts, sampled, strict=True) for text in texts]
    return {
        "compliance": round(statistics.fmean(complies(p.asks, p.text, text) for p, text in answered), 4),
        "world_quality": round(statistics.fmean(world_quality(text) for _, text in answered), 4),
        "words": round(statistics.fmean(len(text.split()) for _, text in answered), 1),
    }


def _write_prompts(path: Path, prompts: Sequence[Prompt]) -> None:
    path.write_text("".join(json.dumps(p.row()) + "\n" for p in prompts), encoding="utf-8")


def _parameters(folder: Path) -> int:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        return sum(weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118
