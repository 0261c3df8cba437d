"""Checkers never raise, answer the same always, and take time in proportion to the length of the text."""

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import example as case
from hypothesis import strategies as st

from services.verifier.constraints import ConstraintError, Subject, Verdict, describe, evaluate, prepare, registry
from services.verifier.text import Text
from services.verifier.text.words import capital_tokens, tokens_of
from tests.services.verifier.adversarial import adversarial_texts
from tests.services.verifier.examples import example
from tests.services.verifier.kwargs import kwargs

IDS = sorted(registry)
ROOT = Path(__file__).parents[3]

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
CAPITALS = st.sampled_from(
    ["A", "U.S.", "DON'T.", "WANNA.", "'TIS ", "NASA's ", "I'M ", "The ", "(OK)", '"NO"', "E.g. ", "Éa ", "\x1f"]
)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(), max_size=300),
    st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=60).map("".join),
)


@pytest.mark.parametrize("id", IDS)
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, given_kwargs=st.data())
@case(text="", given_kwargs=None)
@case(text="\ud800", given_kwargs=None)
@case(text="\x00", given_kwargs=None)
def test_any_text_gets_a_verdict_and_loose_accepts_what_strict_accepts(id: str, text: str, given_kwargs: Any) -> None:
    wanted = example(id) if given_kwargs is None else given_kwargs.draw(kwargs(id))
    try:
        rule = prepare(id, wanted)
    except ConstraintError:  # what the schema cannot say; anything else that is raised is a fault
        rule = prepare(id, example(id))
    assert rule.describe()
    subject = Subject(text, prompt="Tell me about the sea.")
    strict, loose = evaluate(rule, subject, "strict"), evaluate(rule, subject, "loose")
    for verdict in (strict, loose):
        assert type(verdict) is Verdict
        assert type(verdict.passed) is bool
        assert type(verdict.reason) is str
        assert verdict.reason
        assert len(verdict.reason) < 1000
        assert "\n" not in verdict.reason
    assert loose.passed or not strict.passed


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.one_of(CAPITALS, MARKS, st.text(max_size=6)), max_size=30).map("".join))
def test_capitals_are_counted_without_sentences_as_with_them(text: str) -> None:
    found = capital_tokens(text)
    assert found is None or found == sum(map(str.isupper, Text(text).tokens))


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.lists(st.one_of(CAPITALS, MARKS, st.text(max_size=6)), max_size=8).map("".join), max_size=4))
def test_sentences_are_split_into_words_together_as_one_by_one(sentences: list[str]) -> None:
    assert tokens_of(sentences) == [token for sentence in sentences for token in tokens_of([sentence])]


@pytest.mark.parametrize("id", IDS)
def test_every_checker_reads_as_an_instruction(id: str) -> None:
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


def _largest(schema: dict[str, Any], whole: dict[str, Any], phrase: str) -> Any:
    """The largest value that a checker's published schema allows; None for what has no size."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return _largest(schema["anyOf"][0], whole, phrase)
    if "enum" in schema or "pattern" in schema:
        return None
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("maximum", schema.get("le", 100))
        case "string":
            return phrase[-schema["maxLength"] :]
        case "array":
            item = _largest(schema["items"], whole, phrase)
            return None if item is None else [item] * min(schema["maxItems"], 3)
    return None


HOSTILE = [(unit * 100_000, unit * 9_998 + tail) for unit in ("é", "a", "诗", "é ", "a ") for tail in ("b", "诗x", "")]


@pytest.mark.parametrize("id", IDS)
def test_kwargs_at_their_largest_and_most_hostile_bound_the_time(id: str) -> None:
    """A long text of one letter, and a phrase that matches it all but for its end: a naive search takes seconds for it."""
    schema = registry[id].kwargs.model_json_schema()
    for name, property in schema.get("properties", {}).items():
        for raw, phrase in HOSTILE:
            try:
                rule = prepare(id, {**example(id), name: _largest(property, schema, phrase[:10_000])})
            except ConstraintError:  # two kwargs that must fit each other
                continue
            started = time.process_time()
            rule.test(Subject(raw[:100_000], raw[:1_000]).text)
            assert time.process_time() - started < 2, name


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
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 40))) for _ in range(6)]
    pairs = [(id, text) for id in IDS for text in texts]
    random.Random(order).shuffle(pairs)
    found = []
    for id, text in pairs:
        rule, subject = prepare(id, example(id)), Subject(text)
        strict, loose = evaluate(rule, subject, "strict"), evaluate(rule, subject, "loose")
        found.append((f"{id} {text}", strict.passed, loose.passed, strict.reason))
    return sorted(found)


def _repeated(first: int, repeats: int = 25) -> list[tuple[str, bool, bool, str]]:
    """The answers, after they were found equal in so many orders, eight threads at a time."""
    expected = _answers(first)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(_answers, range(first, first + repeats)):
            assert answers == expected
    return expected


def test_a_hundred_repeats_in_any_order_and_thread_and_under_any_hash_seed_give_the_same_verdicts() -> None:
    outputs = set()
    for i, seed in enumerate(("0", "1", "77", "4242")):
        script = f"import json; from tests.services.verifier.test_robustness import _repeated; print(json.dumps(_repeated({25 * i})))"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-3000:]
        outputs.add(run.stdout)
    assert len(outputs) == 1
