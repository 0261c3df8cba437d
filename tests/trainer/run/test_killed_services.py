"""A real OpenRLHF run, in the course of which each of the three services is killed with SIGKILL and comes back, the reward model after
an absence that no single attempt outlasts."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from benchmarks.soak.services import Service
from rlmr.client import NoAnswer, RlmrClient
from tests.trainer import cut_off
from trainer.data.prompts import prepare, read_prompts
from trainer.grpo.flags import openrlhf_flags
from trainer.run.ledger import Ledger
from trainer.run.presets import load_preset
from trainer.run.training import train

if TYPE_CHECKING:
    from trainer.world.build import World

pytestmark = [pytest.mark.openrlhf, pytest.mark.timeout(900)]

PROMPTS, BATCH, N, AWAY = 24, 4, 4, 4.0
OUTAGE = float(os.environ.get("RLMR_TEST_OUTAGE", "12"))
"""Seconds for which the writing reward model is away (docs/reliability.md)."""
ATTEMPT = 180.0 if OUTAGE >= 180 else 4.0
"""Seconds of one attempt of the agent, after which the aggregator has given up too: the group's own deadline is all that is left."""


class Killer(threading.Thread):
    """Kills the next service once so many groups are rewarded, and starts it again AWAY seconds later."""

    def __init__(self, services: list[Service], run: Path) -> None:
        super().__init__(daemon=True)
        self.services, self.ledger, self.over = services, Ledger(run), threading.Event()
        self.killed: list[tuple[str, int]] = []

    def run(self) -> None:
        for i, service in enumerate(self.services):
            while len(self.ledger.groups) < 2 + i * 6:
                if self.over.wait(0.1):
                    return
                self.ledger.refresh()
            service.kill_now()
            self.killed.append((service.name, len(self.ledger.groups)))
            if service.name == "writing-rm":
                self.wait_for_the_next_rollout()
            time.sleep(OUTAGE if service.name == "writing-rm" else AWAY)
            service.start()

    def wait_for_the_next_rollout(self) -> None:
        """What is rewarded is trained on first, however long a busy machine takes for it."""
        while len(self.ledger.steps) < len(self.ledger.groups) // BATCH and not self.over.wait(0.1):
            self.ledger.refresh()


@dataclass
class Run:
    ledger: Ledger
    killed: list[tuple[str, int]]


@pytest.fixture(scope="module")
def run(small_world: "World", tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    (folder / "logs").mkdir()
    preset = load_preset(
        "embedded",
        [
            f"batch={BATCH}",
            f"n={N}",
            f"steps={PROMPTS // BATCH}",
            "openrlhf.rollout.micro_batch_size=8",
            "openrlhf.train.micro_batch_size=8",
            "openrlhf.eval.steps=-1",
        ],
    )
    rows = read_prompts(small_world.prompts_train)[:PROMPTS]
    for row in rows:
        row["constraints"] = []  # nobody violates: no group is dropped for what the policy wrote
    prepare(rows, folder / "train.jsonl", split="train")
    flags = openrlhf_flags(
        preset, model=small_world.policy, prompts=folder / "train.jsonl", output=folder / "policy", eval_prompts=None
    )
    writing_rm = Service(
        "writing-rm", {"RLMR_WRITING_RM_MODEL_DIR": str(small_world.writing_rm)}, folder / "logs" / "writing-rm.log"
    )
    verifier = Service("verifier", {}, folder / "logs" / "verifier.log")
    aggregator_settings = {
        "RLMR_AGGREGATOR_WRITING_RM_URL": writing_rm.url,
        "RLMR_AGGREGATOR_VERIFIER_URL": verifier.url,
        **cut_off.NO_VIOLATION,
    }
    aggregator = Service("aggregator", aggregator_settings, folder / "logs" / "aggregator.log")
    services = [verifier, writing_rm, aggregator]
    killer = Killer(services, folder)
    try:
        for service in services:
            service.start()
        wait_until_ready(aggregator.url)
        killer.start()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("RLMR_REWARD_ATTEMPT_TIMEOUT", str(ATTEMPT))
            ledger = train(
                flags,
                folder,
                reward_url=aggregator.url,
                strategy=preset.strategy,
                steps=preset.steps,
                console=Console(quiet=True),
            )
    finally:
        killer.over.set()
        if killer.ident is not None:
            killer.join(timeout=30)
        for service in services:
            service.end()
    return Run(ledger, killer.killed)


def wait_until_ready(url: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if RlmrClient(url, timeout=10).ready()[0]:
                return
        except NoAnswer:
            pass
        assert time.monotonic() < end, f"{url} was not ready after {seconds:.0f} s"
        time.sleep(0.25)


def test_each_service_was_killed_while_groups_were_left(run: Run) -> None:
    assert [name for name, _ in run.killed] == ["verifier", "writing-rm", "aggregator"]
    assert all(rewarded < PROMPTS for _, rewarded in run.killed), run.killed


def test_no_group_was_lost(run: Run) -> None:
    groups = run.ledger.training_groups
    assert len({g["prompt_id"] for g in groups}) == PROMPTS
    assert [(g["decision"], g["reason"], g["error"]) for g in groups] == [("train", None, None)] * PROMPTS
    assert all(isinstance(reward, float) for g in groups for reward in g["rewards"])


def test_the_reward_model_was_away_for_longer_than_an_attempt(run: Run) -> None:
    longest = max(run.ledger.training_groups, key=lambda g: g["seconds"])
    assert longest["attempts"] >= 2
    assert ATTEMPT < longest["seconds"] < 600


def test_the_run_ended_by_itself_with_its_steps(run: Run) -> None:
    assert len(run.ledger.updates) == PROMPTS // BATCH
    assert sum(a["samples"] for a in run.ledger.advantages) == PROMPTS * N
