"""Runs OpenRLHF as a child process and shows how it goes: progress, loss, reward, violation rate, dropped groups."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from rlmr.mistake import Mistake
from trainer.grpo import lagrange, thresholds
from trainer.grpo.flags import to_arguments
from trainer.grpo.lagrange import DualRule
from trainer.grpo.thresholds import Percentile
from trainer.onset.guarding import Guard
from trainer.onset.sources import Source, SourceError
from trainer.run.cluster_needs import gpus
from trainer.run.diagnosis import diagnose
from trainer.run.ledger import Ledger
from trainer.run.secrets import redacted_command


class TrainingFailed(Mistake):
    """OpenRLHF ended with an error; the message holds the cause, the remedy, what was saved and where the log is."""


def train(
    flags: dict[str, Any],
    run: Path,
    *,
    reward_url: str,
    strategy: dict[str, Any],
    steps: int,
    console: Console,
    group_filter: dict[str, Any] | None = None,
    percentiles: dict[str, Percentile] | None = None,
    price: DualRule | None = None,
    expect: dict[str, str] | None = None,
    max_prompts: int | None = None,
    held_back: Source | None = None,
) -> Ledger:
    """Blocks until OpenRLHF has made `steps` steps, or drawn `max_prompts` prompts. `expect`: the revisions that the run is pinned
    to. `held_back`: a signal for the alarm at the onset of reward hacking. Raises TrainingFailed if it ends in another way."""
    run = run.resolve()  # read by processes that stand in other folders
    log = run / "logs" / "trainer.log"
    env = {
        **os.environ,
        "RLMR_REWARD_URL": reward_url,
        "RLMR_STRATEGY": json.dumps(strategy),
        "RLMR_FILTER": json.dumps(group_filter or {}),
        lagrange.VARIABLE: json.dumps(price.model_dump() if price else None),
        thresholds.VARIABLE: json.dumps({name: p.model_dump() for name, p in (percentiles or {}).items()}),
        "RLMR_EXPECT": json.dumps(expect or {}),
        "RLMR_RUN_DIR": str(run),
        "RLMR_STEPS": str(steps),
        "RLMR_MAX_PROMPTS": "" if max_prompts is None else str(max_prompts),
        "RLMR_GPUS": str(sum(gpus(flags).values())),
        "PYTHONPATH": os.pathsep.join(p for p in (_source_root(), os.environ.get("PYTHONPATH")) if p),
    }
    command = [sys.executable, "-m", "trainer.grpo.launch", "openrlhf.cli.train_ppo_ray", *to_arguments(flags)]
    (run / "command.json").write_text(json.dumps(redacted_command(command), indent=1), encoding="utf-8")
    ledger = Ledger(run)
    # A session of its own: Ctrl-C reaches us, and we stop Ray's whole tree in order.
    with log.open("ab") as out:
        begins = out.tell()
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        guard = Guard(ledger, held_back)
        _watch(process, ledger, steps, int(flags["rollout.batch_size"]), console, guard)
    except (KeyboardInterrupt, SystemExit):
        _stop_group(process)
        told = f"interrupted: {_state(run, ledger.refresh(), steps)}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        raise
    finally:
        _stop_group(process)
    ledger.refresh()
    if process.returncode != 0 or (len(ledger.steps) < steps and max_prompts is None) or not ledger.steps:
        with log.open("rb") as file:
            file.seek(begins)
            cause = diagnose(file.read().decode(errors="replace"), process.returncode)
        raise TrainingFailed(f"{cause.what}\nremedy: {cause.remedy}\n{_state(run, ledger, steps)}\nlog: {log}")
    return ledger


def _state(run: Path, ledger: Ledger, steps: int) -> str:
    """How far the run came, and what is left of it."""
    checkpoint = run / "checkpoints" / "_actor" / "latest"
    saved = []
    if (run / "policy" / "config.json").is_file():
        saved.append("the policy as it was when it failed (policy/)")
    if checkpoint.is_file():
        saved.append(f"checkpoint {checkpoint.read_text(encoding='utf-8').strip()} (rlmr train --resume {run})")
    dropped = ", ".join(f"{count} {reason}" for reason, count in ledger.dropped().items())
    return f"made {len(ledger.steps)} of {steps} steps; groups dropped: {dropped or 'none'}; saved: {' and '.join(saved) or 'nothing'}"


def _stop_group(process: "subprocess.Popen[bytes]") -> None:
    """Ends OpenRLHF and what it started. Ray's driver takes its cluster down on SIGTERM; whatever is left of its group is killed."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _source_root() -> str:
    return str(Path(__file__).resolve().parents[2])


def _watch(
    process: "subprocess.Popen[bytes]", ledger: Ledger, steps: int, batch: int, console: Console, guard: Guard
) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    # Where nobody watches a bar is a line cut at an edge that is not there: logs and CI get whole lines.
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting Ray and vLLM", total=steps, state="")
        told, watching, first = 0, True, (0, 0.0)  # steps there were, and when: a resumed run begins with some
        while True:
            ended = process.poll() is not None
            ledger.refresh()
            if ledger.groups:
                done = len(ledger.steps)
                first = first if first[1] else (done, time.monotonic())
                state = status_line(ledger, batch) + time_left(
                    done - first[0], steps - done, time.monotonic() - first[1]
                )
                progress.update(task, description="training", completed=done, state=state)
                if not console.is_terminal and done > told and (ended or done >= told + 10):
                    told = done
                    console.print(state, soft_wrap=True)
            watching = watching and not _told_onset(guard, console)
            if ended:
                return
            time.sleep(0.5)


def _told_onset(guard: Guard, console: Console) -> bool:
    """Whether there is nothing more to look for. A disk that cannot be written costs the alarm, never the run."""
    try:
        if (onset := guard.look()) is None:
            return False
        told = onset.told()
    except (OSError, SourceError) as exc:
        told = f"no alarm at the onset of reward hacking from here on, training goes on: {exc}"
    console.print(f"warning: {told}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return True


def time_left(made: int, left: int, seconds: float) -> str:
    """` | 12 min left`, from the steps made so far in `seconds`; empty before the second of them."""
    return f" | {max(1, round(left * seconds / made / 60))} min left" if made > 1 and left > 0 else ""


def status_line(ledger: Ledger, batch: int) -> str:
    """`step 12 | loss -0.012 | reward 0.31 | violations 41 % | dropped 3`, from the newest step and the newest batch of groups."""
    parts = [f"step {len(ledger.steps)}"]
    if ledger.steps:
        newest = ledger.steps[-1]
        parts += [
            f"{name} {newest[key]:+.3f}"
            for name, key in (("loss", "policy_loss"), ("reward", "reward"))
            if key in newest
        ]
    rate = ledger.violation_rate(batch)
    if rate is not None:
        parts.append(f"violations {rate:.0%}")
    parts.append(f"dropped {sum(ledger.dropped().values())}")
    return " | ".join(parts)
