"""script: writing systems and languages."""

from collections import Counter
from functools import lru_cache
from typing import Annotated, Literal

import regex
from pydantic import Field

from services.verifier.constraints.ifeval.language import NAMES
from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.ranges import Percent, PercentRange, said, within
from services.verifier.text import Text
from services.verifier.text.english import STOP_WORDS
from services.verifier.text.language import detect_language

Script = Literal["latin", "han", "kana", "hangul", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai"]
_SCRIPTS = {
    name: regex.compile(rf"[{classes}]")
    for name, classes in {
        "latin": r"\p{Latin}", "han": r"\p{Han}", "kana": r"\p{Hiragana}\p{Katakana}", "hangul": r"\p{Hangul}", "cyrillic": r"\p{Cyrillic}",
        "greek": r"\p{Greek}", "arabic": r"\p{Arabic}", "hebrew": r"\p{Hebrew}", "devanagari": r"\p{Devanagari}", "thai": r"\p{Thai}",
    }.items()
}  # fmt: skip
_LETTER = regex.compile(r"\p{L}")


def _share(text: Text, script: str) -> float:
    letters = Counter({c: n for c, n in Counter(text.plain).items() if _is_letter(c)})
    wanted = sum(n for c, n in letters.items() if _is_of(script, c))
    return 100 * wanted / letters.total() if letters else 0.0


@lru_cache(maxsize=10_000)
def _is_letter(character: str) -> bool:
    return _LETTER.match(character) is not None


@lru_cache(maxsize=10_000)
def _is_of(script: str, character: str) -> bool:
    return _SCRIPTS[script].match(character) is not None


@lru_cache(maxsize=10_000)
def _script_of(character: str) -> str | None:
    return next((name for name in _SCRIPTS if _is_of(name, character)), None)


class Only(Kwargs):
    script: Script


@checker(
    "script:only",
    Only,
    "Write in {script} script only.",
    summary="Every letter belongs to the script; a text without letters fails.",
    version=2,
)
def only(text: Text, kw: Only) -> Verdict:
    found = _share(text, kw.script)
    return Verdict(found == 100, f"{found:.1f}% of the letters are {kw.script}")


class ShareOf(PercentRange):
    script: Script


@checker(
    "script:share",
    ShareOf,
    lambda kw: f"Let {said(kw)}% of the letters be {kw.script}.",
    summary="Letters of the script, of all letters.",
    version=2,
)
def share(text: Text, kw: ShareOf) -> Verdict:
    return within(_share(text, kw.script), kw, f"of the letters are {kw.script}")


class AllOf(Kwargs):
    scripts: Annotated[tuple[Script, ...], Field(min_length=2, max_length=4)]
    min: Percent = 10
    """Percent of the words that each must have at least, a Chinese character or kana being a word."""


@checker(
    "script:all_of",
    AllOf,
    lambda kw: f"Write in {' and '.join(kw.scripts)} script, each at least {kw.min:g}% of the words.",
    summary="Each script has its share of the words (Chinese characters), as in a text of two languages.",
)
def all_of(text: Text, kw: AllOf) -> Verdict:
    initials = Counter(word[0] for word in text.counted_words)
    found = {name: sum(n for c, n in initials.items() if _is_of(name, c)) for name in kw.scripts}
    total = sum(n for c, n in initials.items() if _is_letter(c))
    for name in kw.scripts:
        share = 100 * found[name] / total if total else 0.0
        if share < kw.min or not found[name]:
            return Verdict(False, f"{share:.1f}% of the words are {name}, at least {kw.min:g}%")
    return Verdict(True, f"{' and '.join(kw.scripts)} found")


class Language(Kwargs):
    language: Annotated[
        str, Field(pattern=r"^[a-z]{2}(-[a-z]{2})?$", description="ISO 639-1 code; zh for either Chinese")
    ]


@checker(
    "script:language",
    Language,
    lambda kw: f"Write in {NAMES.get(kw.language, 'Chinese' if kw.language == 'zh' else kw.language)}.",
    summary="The language of the text by script and by detection; `zh` takes simplified and traditional Chinese; a text without letters fails.",
    version=3,
    unsure=True,
)
def language(text: Text, kw: Language) -> Verdict:
    found = _language(text, either_chinese="-" not in kw.language)
    passed = found is not None and (found == kw.language or found.split("-")[0] == kw.language)
    return Verdict(passed, f"language {found or 'cannot be told'}, {kw.language} wanted")


# Scripts of one language among those that are asked for.
_LANGUAGE_OF = {"hangul": "ko", "greek": "el", "hebrew": "he", "thai": "th"}
_LATIN_WORD = regex.compile(r"\p{Latin}+")
_SHORT = 120
"""Characters below which the detector guesses English poorly."""


def _language(text: Text, *, either_chinese: bool) -> str | None:
    """By script where that tells, since the detector takes one Chinese paragraph in seventeen for Korean; by langdetect else. A Latin
    word weighs as much as a Chinese character. `either_chinese`: simplified or traditional makes no difference."""
    if text.plain.isascii():
        return _language_of_ascii(text)
    weights = dict.fromkeys(_SCRIPTS, 0)
    for character, number in Counter(text.plain).items():
        if not character.isascii() and (name := _script_of(character)):
            weights[name] += number
    weights["latin"] = len(_LATIN_WORD.findall(text.plain))
    east_asian = weights["han"] + weights["kana"]
    # Japanese writes its grammar in kana.
    if east_asian and east_asian >= max(weights["latin"], weights["hangul"]):
        if 10 * weights["kana"] >= east_asian and not _quotes_japanese(text.plain, weights["kana"], weights["han"]):
            return "ja"
        detected = None if either_chinese else text.language
        return detected if detected in ("zh-cn", "zh-tw") else "zh"
    main = max(weights, key=lambda name: weights[name])
    if weights[main] and main in _LANGUAGE_OF:
        return _LANGUAGE_OF[main]
    if main != "latin":
        return text.language
    return detect_language(_NOT_LATIN.sub("", text.plain))


def _language_of_ascii(text: Text) -> str | None:
    """The detector guesses short English poorly: one word in four is a stop word of it."""
    if len(text.plain) < _SHORT:
        found = [word.lower() for word in text.counted_words]
        if 4 * sum(word in STOP_WORDS for word in found) >= len(found) > 0:
            return "en"
    return text.language


_CHINESE_ONLY = regex.compile("[的了这這那们們没沒吗嗎呢吧她你]")
"""What Chinese writes its grammar with, and Japanese seldom writes at all."""


def _quotes_japanese(text: str, kana: int, han: int) -> bool:
    """Whether this is a Chinese text with a few Japanese words in it."""
    return kana < han and 20 * len(_CHINESE_ONLY.findall(text)) >= han


_NOT_LATIN = regex.compile(r"[\p{L}--\p{Latin}]", regex.V1)
