"""`rlmr watch`: what it shows, and that it stays small and quick with the ledger of a large run."""

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from rlmr.cli import app
from trainer.run.ledger import Ledger
from trainer.run.watching import newest_text, sparkline, view


def group(i: int, **changes: object) -> dict[str, object]:
    return {
        "time": float(i),
        "split": "train",
        "prompt_id": f"p{i}",
        "step": 1 + i // 4,
        "n": 4,
        "decision": "train",
        "reason": None,
        "rewards": [0.1, 0.2, 0.3, -0.4],
        "valid": [True] * 4,
        "writing": [0.1, 0.2, 0.3, None],
        "violated": [False, False, True, None],
        "delta": 0.5,
        "tokens": [14000] * 4,
        "seconds": 1.25,
        "attempts": 1,
        "error": None,
        **changes,
    }


def write(run: Path, kind: str, rows: list[dict[str, object]]) -> None:
    (run / "ledger").mkdir(exist_ok=True)
    with (run / "ledger" / f"{kind}.a-1.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_it_shows_the_curves_what_was_dropped_and_the_newest_group(tmp_path: Path) -> None:
    write(tmp_path, "groups", [group(0), group(1, decision="drop", reason="all_violate"), group(2)])
    write(
        tmp_path,
        "texts",
        [{"time": 2.0, "prompt_id": "p2", "split": "train", "responses": [f"story {i}" for i in range(4)]}],
    )
    write(tmp_path, "steps", [{"step": 1, "policy_loss": 0.5}])
    write(tmp_path, "advantages", [{"step": 1, "violators_with_positive_advantage": 0}])
    shown = CliRunner().invoke(app, ["watch", str(tmp_path), "--once"], env={"COLUMNS": "120"}).output
    for expected in (
        "2 groups trained, dropped: 1 all_violate",
        "violators with a positive advantage: 0",
        "now 33%",
        "newest group p2, trained on",
        "story 2",
        "violates",
        "unknown",
    ):
        assert expected in shown, shown


def test_a_folder_without_a_ledger_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["watch", str(tmp_path), "--once"])
    assert told.exit_code == 2
    assert "has no ledger" in " ".join(told.output.split())


def test_sparklines_leave_gaps_and_average() -> None:
    assert sparkline([0, 1, 2, 3], 4) == "▁▃▆█"
    assert sparkline([0, None, float("nan"), 1], 4) == "▁  █"
    assert sparkline([0, 0, 1, 1], 2) == "▁█"
    assert sparkline([5.0, 5.0], 10) == "▁▁"
    assert sparkline([], 10) == ""


def test_the_newest_text_is_read_past_a_torn_end(tmp_path: Path) -> None:
    write(tmp_path, "texts", [{"time": 1.0, "prompt_id": "p"}])
    with (tmp_path / "ledger" / "texts.a-1.jsonl").open("a") as file:
        file.write('{"to\n{"time": 2.0')
    newest = newest_text(tmp_path)
    assert newest is not None
    assert newest["time"] == 1.0


LARGE = """
import sys, time
from pathlib import Path
from rich.console import Console
from trainer.reports.plots import draw_all
from trainer.run.ledger import Ledger
from trainer.run.watching import view

began = time.process_time()
ledger = Ledger(Path(sys.argv[1])).refresh()
assert len(ledger.groups) == 100_000
Console(file=open("/dev/null", "w")).print(view(ledger))
draw_all(ledger, None, None, Path(sys.argv[1]) / "plots")
# VmHWM is of this program alone; getrusage's ru_maxrss would be at least that of the test process, which it inherits.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - began, peak)
"""


def test_a_hundred_thousand_groups_stay_under_a_gigabyte(tmp_path: Path) -> None:
    """Texts stand in files of their own, which neither reads: 100,000 groups of 14K tokens are 45 GB of them."""
    sample = {
        "score_status": "ok",
        "verify_status": "ok",
        "fault": None,
        "rule_share": 0.5,
        "judge_passed": None,
        "met_share": 0.75,
    }
    write(
        tmp_path,
        "groups",
        [
            group(
                i,
                n=8,
                rewards=[0.123456] * 8,
                valid=[True] * 8,
                writing=[0.5] * 8,
                violated=[True] * 8,
                tokens=[14000] * 8,
                samples=[sample] * 8,
                revisions={"writing_rm": "a" * 64, "verifier": "b" * 64},
                filter={"all_high": 1.25},
                sibling_overlap=0.12345,
            )
            for i in range(100_000)
        ],
    )
    write(tmp_path, "steps", [{"step": i + 1, "policy_loss": 0.5} for i in range(1000)])
    means = {"mean_advantage_compliant": 0.5, "mean_advantage_violators": -0.5, "largest_violator_advantage": -0.1}
    write(
        tmp_path, "advantages", [{"step": i + 1, "violators_with_positive_advantage": 0, **means} for i in range(1000)]
    )
    done = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, kilobytes = map(float, done.stdout.split())
    assert kilobytes / 2**20 < 1.0  # GiB
    assert seconds < 10.0, "of a processor"


def test_a_look_at_a_growing_ledger_reads_only_what_is_new(tmp_path: Path) -> None:
    write(tmp_path, "groups", [group(0)])
    ledger = Ledger(tmp_path).refresh()
    with (tmp_path / "ledger" / "groups.a-1.jsonl").open("a") as file:
        file.write(json.dumps(group(1)) + "\n")
    console = Console(width=120, record=True, quiet=True)
    console.print(view(ledger.refresh()))
    assert len(ledger.groups) == 2
