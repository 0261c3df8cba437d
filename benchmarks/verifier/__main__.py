"""`make bench-verifier`: writes benchmarks/results/verifier.json. Needs the reference data (RLMR_TEST_DATA)."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.verifier import checkers, over_http, side_by_side
from rlmr import __version__
from services.verifier.constraints import revision
from tests.services.verifier.reference_data import DATA

RESULTS = Path(__file__).parents[1] / "results" / "verifier.json"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5, help="pairs of rounds of the comparison")
    arguments.add_argument("--adversarial-chars", type=int, default=100_000)
    rounds, size = (given := arguments.parse_args()).rounds, given.adversarial_chars
    data = DATA / "ifeval"
    if not data.exists():
        raise SystemExit(f"{data} is absent: set RLMR_TEST_DATA to a folder with ifeval/input_data.jsonl and responses")
    print("==> strict and loose, side by side with lm-eval")
    compared = side_by_side.compare(data, rounds)
    print("==> over HTTP")
    http = over_http.measure(data)
    print("==> each checker by itself, 1 KB and hostile texts")
    single = checkers.measure(size)
    slow = [id for id, c in single.items() if max(c["us_per_1kb"], c["us_per_1kb_chinese"]) > 150]
    result = {
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "versions": {"rlmr": __version__, "checkers": revision(), **compared.pop("versions")},
        "ratio_per_core": compared["ratio_per_core"],
        "side_by_side": compared,
        "http": http,
        "hostile_chars": size,
        "slowest_1kb_us": _slowest(single, "us_per_1kb"),
        "slowest_1kb_chinese_us": _slowest(single, "us_per_1kb_chinese"),
        "slowest_hostile_ms": _slowest(single, "worst_hostile_ms"),
        "checkers": single,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(
        f"ratio per core {compared['ratio_per_core']:.1f} ({compared['verdicts_different']} of {compared['instructions']} verdicts differ)"
    )
    print(f"{http['checks_per_second']:.0f} checks a second through POST /verify")
    print(f"checkers above 150 us for 1 KB: {', '.join(slow) or 'none'}")
    print(f"slowest on {size} hostile characters: {next(iter(result['slowest_hostile_ms'].items()))}")
    print(f"-> {RESULTS}")


def _slowest(single: dict[str, Any], figure: str) -> dict[str, float]:
    ordered = sorted(single, key=lambda id: single[id][figure], reverse=True)
    return {id: single[id][figure] for id in ordered[:10]}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
