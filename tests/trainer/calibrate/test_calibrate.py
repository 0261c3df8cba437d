"""`rlmr calibrate` against three real services and a policy served by a scripted endpoint; what it finds is counted by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from rlmr.wire import ConstraintResult, SampleVerdict
from tests.three_services import KEY, Services
from tests.trainer.arena.chromium import PROGRAM, Chromium
from tests.trainer.data.scripted_endpoint import completion, endpoint
from trainer.calibrate.advice import advise
from trainer.calibrate.asking import Asked, Group
from trainer.calibrate.figures import Figures, measure
from trainer.evaluation.sample import Sampled
from trainer.grpo.group_reward import GroupReward

NO_COMMA = {"type": "punctuation:no_comma", "kwargs": {}}
SHORT = {"type": "length_constraints:number_words", "kwargs": {"relation": "less than", "num_words": 6}}


def prompt_file(path: Path) -> Path:
    rows = [
        {"input": f"Prompt {i}", "label": {"prompt_id": f"p{i}", "constraints": constraints}}
        for i, constraints in enumerate([[NO_COMMA], [NO_COMMA, SHORT], [SHORT]])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answer(_: int, body: dict[str, Any]) -> bytes:
    """p0: a comma every second time. p1: always a comma. p2: obeys, but is cut off."""
    prompt = body["messages"][-1]["content"]
    answer.count = getattr(answer, "count", 0) + 1  # type: ignore[attr-defined]
    if prompt == "Prompt 0":
        answer.of_0 = getattr(answer, "of_0", 0) + 1  # type: ignore[attr-defined]
        return completion("A calm, wide sea." if answer.of_0 % 2 else "A calm sea.")  # type: ignore[attr-defined]
    return completion("A calm, wide sea.") if prompt == "Prompt 1" else completion("A calm sea.", finish="length")


def test_a_calibration_counts_what_the_services_said(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLMR_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "out"
    prompts = prompt_file(tmp_path / "prompts.jsonl")
    with endpoint(answer) as (url, asked):
        changes = [
            f"prompts={prompts}",
            "services=external",
            f"reward_url={services.aggregator.url}",
            "model=some/model",
        ]
        changes += ["n=4", "eval_prompts=null", "batch=2"]
        given = [x for c in changes for x in ("--set", c)]
        done = CliRunner().invoke(app, ["calibrate", *given, "--policy-url", url, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert len(asked) == 12 and {body["model"] for body in asked} == {"some/model"}
    found = json.loads((out / "calibration.json").read_text())
    # p1 breaks its first constraint always; p2's answers were cut off, the policy's own fault: both groups are dropped.
    assert (found["dropped"]["value"], found["reasons"]) == (pytest.approx(2 / 3), {"all_violate": 2})
    assert found["compliance"]["value"] == pytest.approx((0.5 + 0 + 0) / 3)
    kinds: dict[Any, Any] = {k["type"]: k for k in found["kinds"]}
    assert kinds[NO_COMMA["type"]]["compliance"]["value"] == pytest.approx((0.5 + 0.0) / 2)
    assert kinds[NO_COMMA["type"]]["mixed"]["value"] == 0.5
    assert kinds[SHORT["type"]]["compliance"]["value"] == 1.0
    assert (found["cut_off"], found["cost"]["groups"]) == (pytest.approx(1 / 3), pytest.approx(6.0))
    kept = [json.loads(line) for line in (out / "prompts.jsonl").read_text().splitlines()]
    assert [(row["label"]["prompt_id"], row["label"]["constraints"]) for row in kept] == [("p0", [NO_COMMA])]
    assert "dropped groups: 67%" in done.output and "punctuation:no_comma" in (out / "calibration.html").read_text()
    if PROGRAM is not None:
        with Chromium() as browser:
            page = browser.page(width=390, height=844, phone=True, dark=True)
            page.goto((out / "calibration.html").as_uri())
            page.wait("document.querySelectorAll('svg rect').length === 5")  # 0 to 4 compliant samples
            assert page.js("document.documentElement.scrollWidth") <= 390 and page.complaints() == []
            assert [a for a in page.requests() if not a.startswith(("file:", "about:"))] == []


def test_mistakes_are_told_without_a_traceback(tmp_path: Path) -> None:
    prompts = prompt_file(tmp_path / "prompts.jsonl")
    here = ["--out", str(tmp_path / "out"), "--set", f"prompts={prompts}"]
    for given, told in (
        (["--keep", "0.8", "0.2"], "the lower one first"),
        (["--set", "reward_url=http://127.0.0.1:9"], "goes with services: external"),
        (["--set", "services=external", "--set", "reward_url=http://127.0.0.1:9"], "no aggregator at"),
    ):
        done = CliRunner().invoke(app, ["calibrate", *here, *given])
        assert done.exit_code == 2 and told in " ".join(done.output.split()), done.output


def group(i: int, writing: list[float], violated: list[bool], met: list[float] | None = None) -> Group:
    n, drop = len(writing), all(violated)
    reward = GroupReward(
        decision="drop" if drop else "train",
        reason="all_violate" if drop else None,
        rewards=[None if drop else 0.0] * n,
        valid=[True] * n,
        writing=list(writing),
        violated=list(violated),
        delta=None,
        seconds=0.1,
        attempts=1,
        samples=[{"met_share": m} for m in met or [0.0] * n],
    )
    verdicts = [
        SampleVerdict(
            status="ok", passed=not v, constraints=[ConstraintResult(type="t", passed=not v, source="rule", reason="")]
        )
        for v in violated
    ]
    prompt = {"prompt_id": f"p{i}", "prompt": [], "constraints": []}
    return Group(prompt, Sampled(["x"] * n, [10 + j for j in range(n)], [True] * n), reward, verdicts)


def figures(groups: list[Group]) -> Figures:
    return measure(Asked(groups, 1.0), batch=4, bounds=(0.2, 0.8))


def test_the_spread_between_groups_leaves_out_what_sampling_adds() -> None:
    spread = figures([group(i, [0.0, 1.0, 2.0, 3.0], [False] * 4) for i in range(5)]).spread
    assert spread is not None
    assert (spread.inside, spread.between) == (pytest.approx(1.291, abs=1e-3), 0.0)
    assert spread.length_inside == pytest.approx(1.0)
    apart = figures([group(i, [10.0 * i, 10.0 * i + 1], [False] * 2) for i in range(3)]).spread
    assert apart is not None and apart.between == pytest.approx(10.0, rel=0.01)


def test_gamma_follows_the_groups_own_spread() -> None:
    usual = [group(i, [0.0, 1.0, 2.0, 3.0], [False, True, False, True]) for i in range(8)]
    assert "gamma_unit=reference" in advise(usual, figures(usual))[0].setting
    small = [group(i, [0.0, 0.1, 0.2, 0.3], [False, True, False, True]) for i in range(8)]
    assert "gamma_unit=group" in advise(small, figures(small))[0].setting
    changing = [group(i, [0.0, 4.0**i], [False, True]) for i in range(8)]
    assert "gamma_unit=group" in advise(changing, figures(changing))[0].setting
    blind = [group(i, [0.5] * 4, [False, True, False, True]) for i in range(8)]
    assert advise(blind, figures(blind))[0].setting == "another reward model"


def test_a_flat_top_is_worth_a_filter_and_hopeless_groups_another_strategy() -> None:
    groups = [group(i, [0.0, 1.0, 2.0, 3.0], [False, True, False, True]) for i in range(40)]
    groups += [group(100 + i, [5.0, 5.01, 5.02, 5.03], [False] * 4) for i in range(5)]
    settings = [a.setting for a in advise(groups, figures(groups))]
    assert "filter.all_high=5.00" in settings and "filter.all_low=null" in settings
    assert not any("partial" in s for s in settings)
    hopeless = [group(200 + i, [0.0, 1.0, 2.0, 3.0], [True] * 4, [0.0, 0.5, 0.5, 0.0]) for i in range(40)]
    assert "strategy=rlmr_partial" in [a.setting for a in advise(groups + hopeless, figures(groups + hopeless))]
