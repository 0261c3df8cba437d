"""The reward manager in verl's own reward loop: a Ray actor that verl builds from the flags in docs/adapters.md. The rewards, the
estimators and the group filter are compared with OpenRLHF's and TRL's in test_three_trainers.py; here is what goes wrong."""

from typing import Any

from tests.rlmr.adapters.conftest import Run
from tests.rlmr.adapters.environments import ROOT
from tests.rlmr.adapters.scripted_aggregator import GROUPS, N, ScriptedAggregator
from tests.rlmr.adapters.test_three_trainers import OVERRIDES


def samples(uid: str, prompt: str, n: int = N) -> list[dict[str, Any]]:
    chat = [{"role": "user", "content": prompt}]
    extra = {"constraints": '[{"type": "punctuation:no_comma"}]', "prompt_id": prompt}
    return [{"uid": uid, "session_id": i, "prompt": chat, "text": f"ka {i}", "extra_info": extra} for i in range(n)]


def test_a_refused_group_and_one_without_all_siblings_fail_with_the_reason_and_the_others_do_not(verl_run: Run) -> None:
    groups = {name: GROUPS[name] for name in ("kept", "invalid samples")}
    with ScriptedAggregator(groups=groups) as aggregator:
        ours = [f"url={aggregator.url}", "sibling_timeout=1", "timeout=2", "strategy.name=rlmr", "strategy.gamma=2.0"]
        found = verl_run(
            overrides=[*OVERRIDES, *(f"+reward.reward_kwargs.rlmr.{setting}" for setting in ours)],
            samples=[*samples("a", "kept"), *samples("b", "kept", n=2), *samples("c", "unknown to the aggregator")],
        )
    whole, lonely, refused = found["results"][:N], found["results"][N : N + 2], found["results"][N + 2 :]
    assert [r["reward_score"] for r in whole] == GROUPS["kept"]["rewards"]
    assert all("only 2 of 4 siblings came" in r["error"] for r in lonely)
    assert all("no reward for group" in r["error"] and "HTTP 500" in r["error"] for r in refused)
    (body,) = [r for r in aggregator.requests if r["groups"][0]["id"] == "kept#a"]
    assert body["strategy"] == {"name": "rlmr", "gamma": 2.0}
    assert body["groups"][0]["responses"] == ["ka 0", "ka 1", "ka 2", "ka 3"]


def test_the_flags_of_the_documentation_are_those_that_run() -> None:
    page = (ROOT / "docs" / "adapters.md").read_text()
    assert [flag for flag in OVERRIDES if "rollout" not in flag and flag not in page] == []
