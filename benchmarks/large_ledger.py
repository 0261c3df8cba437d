"""Replay and report over a large ledger: seconds and peak memory of each, in a process of its own.

    python -m benchmarks.large_ledger 100000 FOLDER

A made-up run of groups of 8 with responses of 40 words, as the agent's recorder writes them (about 0.5 GB for 10^5 groups).
"""

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

N, WORDS = 8, 40
STATUS = {"score_status": "ok", "verify_status": "ok", "fault": None, "rule_share": 0.5, "judge_passed": True}


def write(folder: Path, groups: int) -> None:
    rng = random.Random(0)
    (folder / "ledger").mkdir(parents=True)
    (folder / "command.json").write_text(json.dumps(["x", "--algo.advantage.estimator", "group_norm"]))
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    some = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _ in range(500)]
    with (
        (folder / "ledger" / "groups.a-1.jsonl").open("w") as numbers,
        (folder / "ledger" / "texts.a-1.jsonl").open("w") as texts,
    ):
        for i in range(groups):
            key = {"time": float(i), "split": "train", "prompt_id": f"p{i}", "step": 1 + i // 128}
            violated = [rng.random() < 0.5 for _ in range(N)]
            writing = [rng.gauss(0, 1) for _ in range(N)]
            dropped = all(violated)
            row: dict[str, Any] = {
                "n": N,
                "decision": "drop" if dropped else "train",
                "reason": "all_violate" if dropped else None,
            }
            row |= {"rewards": [None] * N if dropped else writing, "valid": [True] * N, "delta": None, "error": None}
            row |= {"writing": writing, "violated": violated, "tokens": [52] * N, "seconds": 0.1, "attempts": 1}
            row |= {"revisions": {"writing_rm": "a", "verifier": "b"}}
            row |= {"samples": [{**STATUS, "met_share": 0.5 if v else 1.0} for v in violated]}
            numbers.write(json.dumps({**key, **row}) + "\n")
            said: dict[str, Any] = {
                "prompt": [{"role": "user", "content": " ".join(rng.choices(some, k=20))}],
                "constraints": [],
            }
            said |= {"failed_constraints": [["t: no"] if v else [] for v in violated]}
            said |= {"responses": [" ".join(rng.choices(some, k=WORDS)) for _ in range(N)]}
            texts.write(json.dumps({**key, **said}) + "\n")


SUMMARY = {
    "name": "large", "strategy": {"name": "rlmr"}, "seed": 0, "steps": 1, "wall_seconds": 1.0, "before": None, "after": None,
    "groups": {"trained": 1, "dropped": {}}, "violators": 1, "violators_with_positive_advantage": 0,
    "compliant_with_negative_advantage": 0, "invalid_samples": 0, "reward_requests": 1, "reward_seconds_per_group": 0.1,
}  # fmt: skip

MEASURED = """
import sys
from rlmr.cli import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
    sys.exit(end.code)
"""


def main() -> None:
    groups, folder = int(sys.argv[1]), Path(sys.argv[2])
    if not folder.exists():
        write(folder, groups)
    size = sum(path.stat().st_size for path in (folder / "ledger").iterdir()) / 1e6
    print(f"{groups} groups, {size:.0f} MB of ledger")
    two = ["--strategy", "linear:weight=2", "--strategy", "rlmr_partial"]
    for name, arguments in (
        ("replay, three strategies", ["replay", str(folder), *two]),
        ("report", ["report", str(folder)]),
    ):
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        peak = int(done.stderr.split()[-1]) / 2**20
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name}: {time.monotonic() - began:.0f} s, {used:.0f} s of a processor, {peak:.2f} GiB")


if __name__ == "__main__":
    main()
