"""The rules of ComplexBench, each on targets that pass and that fail."""

import importlib.util
import os
import random
from pathlib import Path

import pytest

from trainer.evaluation.benchmark import Unparseable
from trainer.evaluation.benchmarks.complexbench_rules import holds

CASES = [
    ("keyword:[春天,花]", ["春天的花"], ["春天"]),
    ("model_keyword:[你好，世界]", ["说，你好,世界"], ["你好"]),
    ("forbidden_word:[我,你]", ["他们"], ["我们"]),
    ("model_forbidden_word_each:[我]", ["他", "她"], ["他", "我"]),
    ("model_keyword_num:[1,2,甲,乙,丙]", ["甲和乙"], ["甲乙丙"]),
    ("model_keyword_num_each:[1,1,甲,乙]\nmodel_forbidden_word_each:[丙]", ["甲", "乙"], ["甲", "乙丙"]),
    ("startswith:从前", ["从前有座山"], ["有座山，从前"]),
    ("model_not_startswith:从前", ["后来"], ["从前"]),
    ("endswith:完", ["故事完。"], ["完了"]),
    ("not endswith:完", ["完了"], ["完？"]),
    ("model_startswith:甲\nmodel_endswith:乙", ["甲到乙"], ["甲到丙"]),
    ("model_endswith_each:啊", ["好啊", "是啊", "最后一段"], ["好", "是啊", "最后一段"]),
    ("length:[2,3]", ["两字"], ["一二三四"]),
    ("model_length:[2,2]", ["“两字”"], ["三个字"]),
    ("model_length_word_each:[2,3]", ["two words", "and three words"], ["one", "two words"]),
    ("model_number_each:[2,3]", ["a", "b"], ["a"]),
    ("model_starts_with_list_each:[甲,乙]", ["甲一", "乙二"], ["乙一", "甲二"]),
    ("constraint_punc:[，]", ["一，二"], ["一，二。"]),
    ("match:我不知道", ["我不知道。"], ["我不知道呢"]),
    ("Json:['a','b']", ['好的：{"a": 1, "b": {"c": "}"}}'], ['{"a": 1}']),
    ("Json:[]", ['{"x": 1}'], ["{x}"]),
]


@pytest.mark.parametrize(("rule", "passing", "failing"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_passes_and_fails(rule: str, passing: list[str], failing: list[str]) -> None:
    assert holds(rule, passing)
    assert not holds(rule, failing)


@pytest.mark.parametrize("targets", [[], [""]])
def test_where_there_is_nothing_to_look_at_only_prohibitions_hold(targets: list[str]) -> None:
    for rule, *_ in CASES:
        names = [line.partition(":")[0].removeprefix("model_").removesuffix("_each") for line in rule.split("\n")]
        assert holds(rule, targets) == all(n in ("forbidden_word", "not_startswith", "not endswith") for n in names)


@pytest.mark.parametrize("rule", ["rhyme:[a]", "length:[few]", "keyword", "length:[1,2]\nrhyme:[a]"])
def test_an_unknown_rule_is_no_verdict(rule: str) -> None:
    with pytest.raises(Unparseable):
        holds(rule, ["text"])


CHECKOUT = Path(os.environ.get("RLMR_COMPLEXBENCH", "/nowhere")) / "evaluation" / "con_rule.py"
WORDS = ["甲", "乙", "春天", "花，开", "a", "B-b", "."]


def drawn_rule(draw: random.Random, name: str) -> str:
    kind = name.removeprefix("model_").removesuffix("_each")
    low = draw.randint(0, 12)
    words = ",".join(draw.sample(WORDS, draw.randint(1, 3)))
    arguments = {
        **dict.fromkeys(("length", "length_word", "number"), f"[{low},{low + draw.randint(0, 12)}]"),
        **dict.fromkeys(("startswith", "endswith", "not endswith", "not_startswith", "match"), draw.choice(WORDS)),
        "keyword_num": f"[{draw.randint(0, 2)},{draw.randint(1, 3)},{words}]",
        "constraint_punc": f"[{draw.choice(['，', '。', '，,。', '-'])}]",
        "Json": draw.choice(["[]", '["a"]', '["a","b"]']),
    }
    return f"{name}:{arguments.get(kind, f'[{words}]')}"


def drawn_target(draw: random.Random) -> str:
    text = "".join(draw.choice([*WORDS, "，", "。", "？", " ", "x"]) for _ in range(draw.randint(0, 8)))
    text = f"“{text}”" if draw.random() < 0.15 else text
    return draw.choice(['{"a":1}', '好{"a": 1, "b": 2}', '{"b"']) if draw.random() < 0.1 else text.strip()


@pytest.mark.skipif(not CHECKOUT.exists(), reason="set RLMR_COMPLEXBENCH to a checkout of thu-coai/ComplexBench")
def test_on_random_rules_the_repositorys_own_differ_in_few_verdicts() -> None:
    """They see full-width and ASCII signs as the same in some rules only, and look behind quotation marks in some only: ours in all."""
    spec = importlib.util.spec_from_file_location("con_rule", CHECKOUT)
    assert spec and spec.loader
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    draw, names, differ = random.Random(3), sorted({rule.split(":")[0] for rule, *_ in CASES}), 0
    for _ in range(20_000):
        rule, targets = drawn_rule(draw, draw.choice(names)), [drawn_target(draw) for _ in range(draw.randint(0, 3))]
        differ += theirs.decompose_judge(rule, list(targets)) != holds(rule, targets)
    assert differ < 200
