"""Checkers never raise, answer the same always, and take time in proportion to the length of the text."""

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example as case
from hypothesis import given, settings
from hypothesis import strategies as st

from services.verifier.constraints import Subject, Verdict, describe, evaluate, prepare, registry
from tests.verifier.adversarial import adversarial_texts
from tests.verifier.examples import example

IDS = sorted(registry)
ROOT = Path(__file__).parents[2]

# Any character, surrogates included, and the marks that checkers look for, in any order.
MARKS = st.sampled_from(
    [
        *"*-#>|`\"'()[]{}<>.!?,;:\n\t ",
        "\n\n",
        "***",
        "P.S.",
        "<<a>>",
        "1.",
        "Question 1",
        "😀",
        "诗",
        "。",
        "\ud800",
        "\x00",
    ]
)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(), max_size=300),
    st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=60).map("".join),
)


@pytest.mark.parametrize("id", IDS)
@settings(max_examples=25, deadline=None, database=None)
@given(text=TEXTS)
@case(text="")
@case(text="\ud800")
@case(text="\x00")
def test_any_text_gets_a_verdict_and_loose_accepts_what_strict_accepts(id: str, text: str) -> None:
    rule, subject = prepare(id, example(id)), Subject(text)
    strict, loose = evaluate(rule, subject, "strict"), evaluate(rule, subject, "loose")
    for verdict in (strict, loose):
        assert isinstance(verdict, Verdict)
        assert isinstance(verdict.passed, bool)
        assert verdict.reason
        assert len(verdict.reason) < 1000
        assert "\n" not in verdict.reason
    assert loose.passed or not strict.passed


@pytest.mark.parametrize("id", IDS)
def test_every_checker_has_a_summary_and_reads_as_an_instruction(id: str) -> None:
    assert registry[id].summary
    instruction = describe(id, example(id))
    assert instruction
    assert "{" not in instruction or "{[" in instruction or "{braces}" in instruction


SHORT, LONG = adversarial_texts(1_200), adversarial_texts(12_000)


def _cpu_seconds(id: str, text: str) -> float:
    rule = prepare(id, example(id))
    started = time.process_time()
    rule.test(Subject(text).text)
    return time.process_time() - started


@pytest.mark.parametrize("id", IDS)
def test_time_grows_in_proportion_to_the_length_of_hostile_text(id: str) -> None:
    """Ten times the text may take at most some forty times the time: far from both noise and the hundredfold of a square."""
    rule = prepare(id, example(id))
    for short, long in zip(SHORT, LONG, strict=True):
        started = time.process_time()
        rule.test(Subject(long).text)
        if time.process_time() - started < 0.03:  # too short to tell growth from noise, and no harm
            continue
        ratios = [_cpu_seconds(id, long) / max(_cpu_seconds(id, short), 0.0005) for _ in range(3)]
        assert min(ratios) < 40, f"{long[:20]!r}...: {min(ratios):.0f} times the time for ten times the text"


def _answers(order: int) -> list[tuple[str, bool, bool, str]]:
    """Verdicts of every checker on a fixed set of texts, asked for in a shuffled order."""
    draw = random.Random(3)
    words = [
        "the",
        "Sea",
        "grey,",
        "U.S.",
        "*bold*",
        "noon",
        "诗歌",
        "E",
        "<<x>>",
        "10",
        "one.",
        "Two!",
        "three?",
        '"q"',
        "\n",
    ]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 40))) for _ in range(12)]
    pairs = [(id, text) for id in IDS for text in texts]
    random.Random(order).shuffle(pairs)
    found = []
    for id, text in pairs:
        rule, subject = prepare(id, example(id)), Subject(text)
        strict, loose = evaluate(rule, subject, "strict"), evaluate(rule, subject, "loose")
        found.append((f"{id} {text}", strict.passed, loose.passed, strict.reason))
    return sorted(found)


def test_verdicts_are_the_same_in_any_order_and_thread() -> None:
    expected = _answers(0)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(_answers, range(24)):
            assert answers == expected


def test_verdicts_are_the_same_under_any_hash_seed() -> None:
    script = "import json; from tests.verifier.test_robustness import _answers; print(json.dumps(_answers(1)))"
    outputs = set()
    for seed in ("0", "1", "77", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(json.dumps(json.loads(run.stdout)))
    assert len(outputs) == 1
