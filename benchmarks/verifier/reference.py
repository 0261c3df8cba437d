"""Runs inside lm-eval's own environment: verdicts and CPU time of its IFEval checkers. Talks JSON lines with its parent.

It is no part of rlmr's environment, and imports nothing of it.
"""

import json
import sys
import time
from importlib.metadata import version
from typing import Any


def main() -> None:
    import langdetect
    import nltk
    from lm_eval.tasks.ifeval import (
        utils,
    )  # tries to download Punkt's data, and prints why it cannot where there is no network

    langdetect.DetectorFactory.seed = 0  # lm-eval leaves it unseeded; equal verdicts can only be had with a seed
    try:
        nltk.sent_tokenize("Has Punkt its data? It has.")
        punkt = True
    except LookupError:
        punkt = False
    versions = {name: version(name) for name in ("lm_eval", "nltk", "langdetect")}
    print(json.dumps({"punkt": punkt, "versions": versions}), flush=True)
    tasks: list[dict[str, Any]] = []
    for line in sys.stdin:
        message = json.loads(line)
        if "tasks" in message:
            tasks = message["tasks"]
            continue
        started = time.process_time()
        outcomes = [utils.process_results(task, [task["response"]]) for task in tasks]
        seconds = time.process_time() - started
        verdicts = [
            [[bool(v) for v in o["inst_level_strict_acc"]], [bool(v) for v in o["inst_level_loose_acc"]]]
            for o in outcomes
        ]
        print(json.dumps({"cpu_seconds": seconds, "verdicts": verdicts}), flush=True)


if __name__ == "__main__":
    main()
