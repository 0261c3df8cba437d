"""Constraints of the registry as a writer would ask for them, in English and Chinese: what `rlmr data constrain` draws from.

Floors stand beside ceilings, so that neither brevity nor length pays by itself. `tight` runs from 0 (easy) to 1 (hard).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Drawn = tuple[dict[str, Any], dict[str, Any]]
"""Arguments of the checker, and what the wording needs beside them."""


@dataclass(frozen=True)
class Offer:
    kind: str
    about: str
    """What it limits: two offers about one thing do not meet in a prompt."""
    draw: Callable[[random.Random, float, str], Drawn]
    """(rng, tight, language)."""
    wordings: dict[str, tuple[str, ...]]
    """Per language, format strings over the arguments. A language without any is not offered."""
    never: frozenset[str] = frozenset()
    """Domains in which nobody would ask for it."""


VERSE, SPOKEN = frozenset({"poetry", "lyrics"}), frozenset({"script"})
_PROSE = frozenset({"story", "flash", "essay", "letter", "children", "humor", "speech", "copy", "worldbuilding"})
_ALL = VERSE | SPOKEN | _PROSE
NOT_ESSAYS, NOT_LETTERS, NOT_SPEECHES = _ALL - {"essay"}, _ALL - {"letter"}, _ALL - {"speech"}
_FORBIDDEN = {
    "en": (
        "very",
        "suddenly",
        "heart",
        "dream",
        "smile",
        "silence",
        "beautiful",
        "really",
        "moment",
        "feel",
        "whisper",
    ),
    "zh": ("突然", "微笑", "仿佛", "心里", "美丽", "终于", "非常", "梦", "沉默", "温暖", "静静"),
}
_ENDINGS = {
    "en": (
        "nobody asked why",
        "and the door stayed open",
        "it was enough",
        "the kettle began to sing",
        "we left the light on",
    ),
    "zh": ("灯还亮着", "谁也没有再问", "这就够了", "水终于开了", "门没有关"),
}
_REQUIRED = {
    "en": ("window", "salt", "Tuesday", "thread", "bell", "copper", "ladder", "orange", "map", "stone"),
    "zh": ("窗", "盐", "铜", "梯子", "地图", "石头", "橘子", "铃", "线", "星期二"),
}


def _least(low: int, high: int) -> Callable[[random.Random, float, str], Drawn]:
    return lambda rng, tight, _: ({"min": _number(rng, low + tight * (high - low))}, {})


def _most(low: int, high: int) -> Callable[[random.Random, float, str], Drawn]:
    """The tighter, the lower."""
    return lambda rng, tight, _: ({"max": _number(rng, high - tight * (high - low))}, {})


def _number(rng: random.Random, around: float) -> int:
    """A number people would say: above 20 in fives, above 100 in tens."""
    value = around * rng.uniform(0.85, 1.15)
    step = 10 if value > 100 else 5 if value > 20 else 1
    return max(1, round(value / step) * step)


def _between(rng: random.Random, tight: float, _: str) -> Drawn:
    low = _number(rng, rng.choice((40, 80, 120, 180)))
    return {"min": low, "max": low + max(10, _number(rng, low * (0.8 - 0.6 * tight)))}, {}


def _nothing(rng: random.Random, tight: float, language: str) -> Drawn:
    return {}, {}


def _some(rng: random.Random, tight: float, words: tuple[str, ...]) -> list[str]:
    return rng.sample(words, 1 + round(2 * tight))


def _forbid(rng: random.Random, tight: float, language: str) -> Drawn:
    words = _some(rng, tight, _FORBIDDEN[language])
    return {"phrases": words}, {"said": _said(words, language)}


def _require(rng: random.Random, tight: float, language: str) -> Drawn:
    words = _some(rng, tight, _REQUIRED[language])
    return {"phrases": words}, {"said": _said(words, language)}


def _ending(rng: random.Random, tight: float, language: str) -> Drawn:
    return {"phrase": rng.choice(_ENDINGS[language]) + ("." if language == "en" else "。")}, {}


def _cited(rng: random.Random, tight: float, language: str) -> Drawn:
    return {"min": 1 + round(3 * tight * (0.5 + rng.random() / 2))}, {}


def _minutes(rng: random.Random, tight: float, language: str) -> Drawn:
    low = rng.choice((1, 2, 3))
    return {"min": low, "max": low + (1 if tight > 0.5 else 2)}, {}


def _tense(rng: random.Random, tight: float, language: str) -> Drawn:
    return {"tense": rng.choice(("past", "present"))}, {}


def _person(rng: random.Random, tight: float, language: str) -> Drawn:
    person = rng.choice(("first", "third"))
    return {"person": person}, {"人称": {"first": "第一人称", "third": "第三人称"}[person]}


def _said(words: list[str], language: str) -> str:
    return "、".join(f"“{w}”" for w in words) if language == "zh" else " or ".join(f'"{w}"' for w in words)


OFFERS = (
    Offer("length:words", "length", _least(30, 200), {
        "en": ("Write at least {min} words.", "Take your time: no fewer than {min} words.", "I need {min} words or more."),
        "zh": ("不少于{min}字。", "请至少写{min}个字。", "篇幅在{min}字以上。"),
    }),
    Offer("length:words", "length", _most(25, 220), {
        "en": ("Keep it to {max} words at most.", "No more than {max} words, please.", "It must fit into {max} words."),
        "zh": ("不超过{max}字。", "请控制在{max}个字以内。", "最多写{max}字。"),
    }),
    Offer("length:words", "length", _between, {
        "en": ("Aim for {min} to {max} words.", "Between {min} and {max} words, please."),
        "zh": ("字数在{min}到{max}之间。", "请写{min}至{max}字。"),
    }),
    Offer("length:sentences", "sentences", _least(3, 12), {
        "en": ("Use at least {min} sentences.", "I would like {min} sentences or more."),
        "zh": ("至少写{min}句话。", "不要少于{min}句。"),
    }, VERSE),
    Offer("length:sentences", "sentences", _most(3, 12), {
        "en": ("Use at most {max} sentences.", "Tell it in no more than {max} sentences."),
        "zh": ("最多{max}句话。", "请在{max}句以内写完。"),
    }, VERSE),
    Offer("length:paragraphs", "parts", _least(2, 4), {
        "en": ("Split it into at least {min} paragraphs with a blank line between them.",),
        "zh": ("至少分成{min}段，段与段之间空一行。",),
    }, VERSE | SPOKEN),
    Offer("length:words_per_sentence", "sentence length", _most(12, 30), {
        "en": ("Let no sentence run beyond {max} words.", "Short breaths: at most {max} words a sentence."),
        "zh": ("每句话不超过{max}个字。",),
    }, VERSE),
    Offer("length:lines", "lines", _least(4, 14), {
        "en": ("It should have at least {min} lines.",), "zh": ("至少{min}行。",),
    }, frozenset({"story", "flash", "essay", "letter", "children", "humor", "speech", "copy", "worldbuilding", "script"})),
    Offer("wording:forbidden_phrases", "banned", _forbid, {
        "en": ("Do not use {said}.", "Please get by without {said}."),
        "zh": ("不要出现{said}。", "全文避开{said}。"),
    }),
    Offer("wording:required_phrases", "needed", _require, {
        "en": ("Somewhere, work in each of these: {said}.",), "zh": ("文中要出现{said}，一个也不能少。",),
    }),
    Offer("wording:no_cliches", "cliches", _nothing, {
        "en": ("No cliches, please.", "Stay clear of worn-out phrases."), "zh": ("不要用陈词滥调。", "请避免套话。"),
    }),
    Offer("structure:ends_with", "ending", _ending, {
        "en": ('The last words must be: "{phrase}"', 'End with exactly this: "{phrase}"'),
        "zh": ("最后一句必须是：“{phrase}”", "请以“{phrase}”结尾。"),
    }, VERSE),
    Offer("punctuation:no_comma", "commas", _nothing, {
        "en": ("Do not use a single comma.", "Write it without commas."),
    }),
    Offer("symbols:punctuation_limit", "exclamation", lambda rng, tight, language: ({"marks": "!！", "max": 0}, {}), {
        "en": ("No exclamation marks.",), "zh": ("不要用感叹号。",),
    }),
    Offer("notation:no_digits", "digits", _nothing, {
        "en": ("Spell out every number; use no digits.",), "zh": ("数字一律用汉字写，不要出现阿拉伯数字。",),
    }),
    Offer("dialogue:none", "dialogue", _nothing, {
        "en": ("Nobody should speak: no dialogue.",), "zh": ("通篇不要有对话。",),
    }, SPOKEN | VERSE),
    Offer("dialogue:count", "dialogue", _least(1, 5), {
        "en": ("Let people talk: at least {min} lines in quotation marks.",), "zh": ("至少要有{min}处用引号的对话。",),
    }, SPOKEN | VERSE | frozenset({"copy", "letter", "speech"})),
    Offer("narration:point_of_view", "person", _person, {
        "en": ("Tell it in the {person} person.",), "zh": ("请用{人称}来写。",),
    }, SPOKEN | VERSE | frozenset({"copy", "letter", "speech"})),
    Offer("narration:tense", "tense", _tense, {
        "en": ("Write in the {tense} tense.",),
    }, SPOKEN | VERSE | frozenset({"copy", "letter", "speech"})),
    Offer("markup:no_markdown", "markup", _nothing, {
        "en": ("Plain text only, no Markdown.",), "zh": ("只用纯文本，不要任何 Markdown 标记。",),
    }),
    Offer("structure:nothing_else", "framing", _nothing, {
        "en": ("Give me the text alone, with no introduction and no closing remark.", "Nothing before it and nothing after it, please."),
        "zh": ("只要正文，前后不要任何说明。", "直接给出正文，不要开场白和结束语。"),
    }),
    Offer("references:citations", "sources", _cited, {
        "en": ("Cite sources in the text, at least {min} times, as in [1] or (Hale, 1987).",),
        "zh": ("文中至少标注{min}处引用，如[1]或（张华，2008）。",),
    }, NOT_ESSAYS),
    Offer("references:sources", "sources", _cited, {
        "en": ('End with a list of references, at least {min} of them, under the heading "References".',),
        "zh": ("文末以“参考文献”为题，列出至少{min}条文献。",),
    }, NOT_ESSAYS),
    Offer("structure:letter", "frame", _nothing, {
        "en": ("Frame it as a letter: a salutation, a closing formula and a signature.",), "zh": ("要有称呼、结尾敬语和署名。",),
    }, NOT_LETTERS),
    Offer("length:minutes_aloud", "length", _minutes, {
        "en": ("It should take {min} to {max} minutes to read aloud.",), "zh": ("朗读时长控制在{min}到{max}分钟。",),
    }, NOT_SPEECHES),
)  # fmt: skip
