"""A run's page in a real browser: read by pointer, by keyboard, on a phone, in the dark; it asks nobody for anything, and a response
that is markup stays text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from tests.trainer.arena.chromium import PROGRAM, Chromium, Page
from tests.trainer.replay.test_replay import RLMR, run_of
from trainer.replay.stored import read_run
from trainer.reports.curves import PLACES, curves
from trainer.reports.groups import EACH, _best_violator, shown_groups
from trainer.run.ledger import Ledger

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script> it rains"
SUMMARY = {
    "name": "made-up",
    "strategy": RLMR,
    "seed": 0,
    "steps": 75,
    "wall_seconds": 61.0,
    "before": {"compliance": 0.4, "writing_score": 0.0, "world_quality": None, "response_tokens": 30.0},
    "after": {"compliance": 0.7, "writing_score": 0.5, "world_quality": None, "response_tokens": 41.0},
    "groups": {"trained": 200, "dropped": {"all_violate": 100}},
    "violators": 20,
    "violators_with_positive_advantage": 0,
    "compliant_with_negative_advantage": 3,
    "invalid_samples": 1,
    "reward_requests": 300,
    "reward_seconds_per_group": 0.1,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = run_of(tmp_path_factory.mktemp("runs") / "run", RLMR, groups=300)
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    (folder / "settings.json").write_text(json.dumps({"strategy": RLMR, "name": "</script><b>bold"}))
    rows = [
        {"prompt_id": "e", "prompt": "P", "response": HOSTILE, "violated": True, "writing": 0.1, "failed": ["t: no"]}
    ]
    for name in ("before", "after"):
        (folder / f"{name}.json").write_text(json.dumps({"rows": rows, "failures": 0}))
    for path in (folder / "ledger").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "responses" in line:
                line["responses"] = [text.replace("a cat sat", HOSTILE) for text in line["responses"]]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    onset = {
        "signal": "held_back",
        "step": 40,
        "alarm_step": 55,
        "fall": 0.5,
        "gain": 0.4,
        "cause": "length",
        "checkpoint": None,
    }
    (folder / "onset.json").write_text(json.dumps(onset))
    made = CliRunner().invoke(app, ["report", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    if PROGRAM is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    with Chromium() as started:
        yield started


def opened(browser: Chromium, run: Path, **screen: Any) -> Page:
    page = browser.page(**screen)
    page.goto((run / "report.html").as_uri())
    page.wait("document.querySelectorAll('#charts svg').length > 2")
    return page


def test_the_page_asks_nobody_and_runs_nothing_that_it_shows(browser: Chromium, run: Path) -> None:
    page = opened(browser, run)
    page.js("document.querySelectorAll('details').forEach((d) => d.open = true)")
    page.wait(f"document.body.innerText.includes({json.dumps(HOSTILE)})")
    assert page.js("window.hacked") is None and page.complaints() == []
    assert [a for a in page.requests() if not a.startswith(("file:", "about:"))] == []
    assert page.js("document.querySelector('pre').textContent.includes('</script><b>bold')")


def test_a_curve_is_read_by_pointer_and_by_keyboard_and_the_onset_is_marked(browser: Chromium, run: Path) -> None:
    page = opened(browser, run)
    box = page.js(
        "(() => { const b = document.querySelector('#charts svg').getBoundingClientRect(); return [b.x, b.y, b.width, b.height] })()"
    )
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + box[2] / 2, y=box[1] + box[3] / 2)
    page.wait("document.querySelector('#charts output').textContent.startsWith('step 3')")  # the middle of 75
    page.js("document.querySelector('#charts svg').focus()")
    page.send("Input.dispatchKeyEvent", type="rawKeyDown", key="Home", windowsVirtualKeyCode=36)
    page.press("ArrowRight")
    told = page.js("document.querySelector('#charts output').textContent")
    chart = curves(Ledger(run).refresh())[0]
    assert told == f"step {chart['x'][1]:.0f}: {chart['lines'][0]['values'][1]:.2f} share"
    assert page.js(
        "document.querySelectorAll('#charts .onset').length === document.querySelectorAll('#charts svg').length"
    )
    assert "since step 40 (seen at step 55)" in page.js("document.querySelector('.alarm').textContent")


def test_groups_are_filtered_searched_and_explained(browser: Chromium, run: Path) -> None:
    page = opened(browser, run)
    groups = json.loads(page.js("document.getElementById('data').textContent"))["groups"]
    assert page.js("document.querySelectorAll('details.group').length") == len(groups)
    page.click("#filters input[value=dropped]")
    dropped = sum(g["reason"] is not None for g in groups)
    assert 0 < dropped == page.js("document.querySelectorAll('details.group').length")
    page.click("#filters input[value=violator]")
    page.js("document.querySelector('details.group summary').focus()")
    page.press("Enter")
    page.wait("document.querySelector('details.group .explain')")
    best = max(
        (r["writing"], g["place"])
        for g in groups
        for r in g["responses"]
        if r["violates"] and r["writing"] and "violator" in g["marks"]
    )
    assert f"group {best[1]} of the ledger" in page.js("document.querySelector('details.group').textContent")
    assert page.js("document.querySelectorAll('.explain tr').length") == 1 + 4
    assert page.js("document.querySelector('.explain mark').textContent") == "rain"
    assert (
        page.js("document.querySelectorAll('.adv.wrong').length") > 0
    )  # quality_only would have rewarded that violator
    page.js(
        "(() => { const s = document.getElementById('search'); s.value = 'no such text'; s.dispatchEvent(new Event('input')) })()"
    )
    assert page.js("document.getElementById('count').textContent").startswith("0 of")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_light_and_dark(browser: Chromium, run: Path, dark: bool) -> None:
    page = opened(browser, run, width=390, height=844, phone=True, dark=dark)
    page.js("document.querySelectorAll('details').forEach((d) => d.open = true)")
    page.wait("document.querySelector('.explain')")
    assert page.js("document.documentElement.scrollWidth") <= 390
    light = page.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light is not dark


def test_what_is_shown_is_little_of_much(tmp_path: Path) -> None:
    run = read_run(run_of(tmp_path / "run", RLMR, groups=1500))
    groups = shown_groups(run, 1500)
    assert len(groups) <= 4 * EACH
    for mark in ("violator", "dropped", "changed", "sample"):
        assert sum(mark in g["marks"] for g in groups) == EACH
    best = sorted(filter(None, map(_best_violator, run.groups())), reverse=True)
    shown = [
        max(r["writing"] for r in g["responses"] if r["violates"] and r["writing"] is not None)
        for g in groups
        if "violator" in g["marks"]
    ]
    assert sorted(shown, reverse=True) == pytest.approx(best[:EACH])
    assert all(
        len(line["values"]) <= PLACES for chart in curves(Ledger(run.folder).refresh()) for line in chart["lines"]
    )


def test_a_run_that_has_not_ended_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert told.exit_code == 2 and "summary.json" in told.output
