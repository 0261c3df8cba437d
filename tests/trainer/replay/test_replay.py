"""A stored run under its own strategy is the run itself; under others, what they would have made of it. The ledgers are written
by the agent's own client from answers of the real decision function; tests/trainer/grpo/test_openrlhf_run.py replays a real run."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from rlmr.mistake import Mistake
from rlmr.wire import RewardGroup, RewardReply, Status
from services.aggregator.deciding import decide
from services.aggregator.mixing import GroupFilter, bind
from services.aggregator.signals import Signals, Verdict, Writing
from tests.three_services import KEY, Services
from trainer.grpo.group_reward import _group_reward
from trainer.replay.asked import strategy_asked
from trainer.replay.explaining import explain, find
from trainer.replay.renewing import Renewal
from trainer.replay.replaying import replay
from trainer.replay.stored import NotReplayable, read_run

RLMR = {"name": "rlmr", "gamma": 1.0}


def run_of(folder: Path, strategy: dict[str, object], groups: int = 60, n: int = 4, seed: int = 1) -> Path:
    """A run's folder with a ledger of random groups, the policy's and the machinery's failures among them."""
    rng = random.Random(seed)
    (folder / "ledger").mkdir(parents=True)
    (folder / "command.json").write_text(json.dumps(["x", "--algo.advantage.estimator", "group_norm"]))
    (folder / "summary.json").write_text(json.dumps({"strategy": strategy}))
    bound = bind(str(strategy["name"]), {k: v for k, v in strategy.items() if k != "name"})
    with (
        (folder / "ledger" / "groups.here-1.jsonl").open("w") as numbers,
        (folder / "ledger" / "texts.here-1.jsonl").open("w") as texts,
    ):
        for i in range(groups):
            words = [rng.choice(("", "rain falls", "a cat sat", "rain falls again")) for _ in range(n)]
            group = RewardGroup(
                id=f"p{i}", prompt="p", constraints=[], responses=words, finished=[rng.random() < 0.9 for _ in words]
            )
            scores = [
                Writing(Status.OK, rng.gauss(0, 1)) if word and rng.random() < 0.9 else Writing(Status.INVALID_INPUT)
                for word in words
            ]
            verdicts = []
            for word in words:
                met = rng.choice((0.0, 0.5, 1.0, 1.0))
                failed = rng.random() < 0.05
                verdicts.append(
                    Verdict(Status.TIMEOUT, reasons=["slow"])
                    if failed
                    else Verdict(
                        Status.OK,
                        passed=met == 1.0,
                        rule_share=met,
                        judge_passed=True,
                        met_share=met,
                        spans=[(0, 4)] if word and met < 1 else [],
                    )
                )
            result = decide(group, [0] * n, Signals(scores, verdicts), bound, GroupFilter())
            reply = RewardReply.model_validate({"strategy": strategy, "groups": [result.model_dump(mode="json")]})
            reward = _group_reward(reply, 0.1, 1)
            row = {"time": i, "split": "train", "prompt_id": f"p{i}", "step": i // 4}
            told = {"n": n, "tokens": [7] * n, "seconds": 0.1, "attempts": 1}
            kept = ("decision", "reason", "rewards", "valid", "writing", "violated", "delta", "samples")
            numbers.write(json.dumps({**row, **told, **{name: getattr(reward, name) for name in kept}}) + "\n")
            texts.write(
                json.dumps(
                    {
                        **row,
                        "prompt": [{"role": "user", "content": "Write."}],
                        "constraints": [{"type": "t"}],
                        "failed_constraints": reward.failed_constraints,
                        "responses": words,
                    }
                )
                + "\n"
            )
    return folder


@pytest.mark.parametrize(
    "strategy",
    [RLMR, {"name": "linear", "weight": 2.0}, {"name": "rlmr_diverse"}, {"name": "rlmr_partial"}, {"name": "product"}],
    ids=lambda s: str(s["name"]),
)
def test_a_run_under_its_own_strategy_is_the_run_to_the_last_bit(tmp_path: Path, strategy: dict[str, object]) -> None:
    run = run_of(tmp_path / "run", strategy)
    params = ",".join(f"{k}={v}" for k, v in strategy.items() if k != "name")
    again = replay(read_run(run), [("own", strategy_asked(f"{strategy['name']}:{params}"))], GroupFilter())[0]
    assert again.groups == 60
    assert (again.other_reward, again.other_sign, again.newly_kept, again.newly_dropped) == (0, 0, 0, 0)
    assert 0 < sum(again.dropped.values()) < 60


def test_other_strategies_reward_violators_or_keep_more_groups(tmp_path: Path) -> None:
    run = read_run(run_of(tmp_path / "run", RLMR))
    own = replay(run, [("rlmr", strategy_asked("rlmr:gamma=1"))], GroupFilter())[0]
    linear = replay(run, [("linear", strategy_asked("linear:weight=0.1"))], GroupFilter())[0]
    partial = replay(run, [("partial", strategy_asked("rlmr_partial"))], GroupFilter())[0]
    assert own.violators_above_zero == 0 < linear.violators_above_zero
    assert linear.other_sign > 0
    assert partial.newly_kept > 0 == partial.newly_dropped
    assert partial.dropped["all_violate"] + partial.newly_kept == own.dropped["all_violate"]


def test_what_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotReplayable, match=r"command\.json"):
        read_run(tmp_path)
    unverified = run_of(tmp_path / "run", {"name": "quality_only"})
    for path in (unverified / "ledger").glob("groups*"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row["violated"] = [None] * row["n"]
            for sample in row["samples"]:
                sample["verify_status"] = "not_asked"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(NotReplayable, match="needs verdicts"):
        replay(read_run(unverified), [("rlmr", strategy_asked("rlmr"))], GroupFilter())[0]
    with pytest.raises(Mistake, match=r"gama.*parameters of rlmr: gamma"):
        strategy_asked("rlmr:gama=1")
    with pytest.raises(Mistake, match="there is no strategy rlrm; there are"):
        strategy_asked("rlrm")


def test_the_command_prints_a_row_a_strategy(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RLMR)
    shown = CliRunner().invoke(app, ["replay", str(run), "--strategy", "linear:weight=2", "--json"])
    assert shown.exit_code == 0, shown.output
    assert [r["label"] for r in json.loads(shown.output)] == ["rlmr:gamma=1.0", "linear:weight=2"]
    mistaken = CliRunner().invoke(app, ["replay", str(run), "--strategy", "linear:wait=2"])
    assert mistaken.exit_code == 2 and "parameters of linear: weight" in mistaken.output


def test_a_group_is_explained_by_place_or_id_with_what_others_would_have_given(tmp_path: Path) -> None:
    run = read_run(run_of(tmp_path / "run", RLMR))
    kept = next(
        i
        for i, g in enumerate(run.groups(), 1)
        if g.reason is None and sum(v.passed is False for v in g.signals.verdicts or []) > 0
    )
    group = find(run, str(kept))
    assert find(run, f"{group.prompt_id}@{group.step}") == group
    asked = [(name, strategy_asked(name)) for name in ("rlmr:gamma=1", "linear", "rlmr_partial")]
    explained = explain(run, group, asked, GroupFilter())
    own, linear, _ = explained.others
    assert own.advantages == explained.then.advantages and own.delta == group.delta
    assert linear.advantages is not None and linear.advantages != own.advantages
    hopeless = next(g for g in run.groups() if g.reason == "all_violate")
    assert explain(run, hopeless, asked, GroupFilter()).then.note == "all_violate"
    with pytest.raises(NotReplayable, match="number from 1 to 60, or a prompt's id such as p0"):
        find(run, "nowhere")


def test_the_picture_of_a_group_shows_every_response_with_its_reasons(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RLMR)
    shown = CliRunner().invoke(
        app, ["explain", str(run), "p3", "--strategy", "linear:weight=2"], env={"COLUMNS": "160"}
    )
    assert shown.exit_code == 0, shown.output
    assert "linear:weight=2" in shown.output and "rlmr (the run)" in shown.output
    absent = CliRunner().invoke(app, ["explain", str(run), "nowhere"])
    assert absent.exit_code == 2 and "no training group nowhere" in absent.output


def test_stored_responses_are_judged_anew_by_the_services_that_are_given(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLMR_API_KEY", KEY)
    run = run_of(tmp_path / "run", RLMR, groups=20)
    for path in (run / "ledger").glob("texts*"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:  # `rain falls again` violates, whatever the run said; an empty text is the policy's own fault
            row["constraints"] = [
                {"type": "length_constraints:number_words", "kwargs": {"relation": "less than", "num_words": 3}}
            ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stored = read_run(run)
    renewal = Renewal(verifier=services.verifier.url)
    for old, new in zip(stored.groups(), renewal(stored.groups()), strict=True):
        assert old.question is not None and new.signals.verdicts is not None
        obeys = [len(t.split()) in (1, 2) and done for t, done in zip(old.texts, old.question.finished, strict=True)]
        assert [v.passed for v in new.signals.verdicts] == obeys
        assert new.signals.writing == old.signals.writing  # not asked: as it was
    assert 0 < renewal.other_verdict < renewal.verdicts
    both = ["--verifier", services.verifier.url, "--writing-rm", services.writing_rm.url]
    shown = CliRunner().invoke(app, ["replay", str(run), *both], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    assert f"{renewal.other_verdict} of" in shown.output and "writing-rm" in shown.output
    away = CliRunner().invoke(app, ["replay", str(run), "--verifier", services.aggregator.url])
    assert away.exit_code == 2 and "--verifier http" in " ".join(away.output.split())


def test_both_pictures_are_whole_at_80_columns(tmp_path: Path) -> None:
    """In a terminal of that width and in a log file: no name broken, no column cut off, no line longer."""
    run = run_of(tmp_path / "run", RLMR)
    many = ["--strategy", "quality_only", "--strategy", "linear:weight=2", "--strategy", "rlmr_decoupled:gamma=0.5"]
    for command in (["replay", str(run)], ["explain", str(run), "p3"]):
        shown = CliRunner().invoke(app, [*command, *many], env={"COLUMNS": "80"}).output
        assert all(name in shown for name in ("quality_only", "linear:weight=2", "rlmr_decoupled:gamma=0.5")), shown
        assert max(map(len, shown.splitlines())) <= 80, shown
        assert "…" not in shown
    assert "other sign" in CliRunner().invoke(app, ["replay", str(run)], env={"COLUMNS": "80"}).output
