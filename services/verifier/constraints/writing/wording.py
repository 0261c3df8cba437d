"""wording: openings, clichés, phrases that must or must not occur."""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Positive, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.folding import as_read, flowing, seen
from services.verifier.text.units import paragraphs, without_markup

Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=500)]

_OPENINGS = (
    "once upon a time", "it was a dark and stormy night", "in a world where", "in a land far", "long ago", "as the sun", "the sun was",
    "the alarm clock", "little did", "imagine a world", "in the heart of", "in the bustling", "in the quiet town", "sure", "certainly",
    "of course", "here is", "here's", "absolutely", "很久很久以前", "从前，", "从前有", "在很久以前", "在一个遥远的", "在一个风和日丽", "话说", "那是一个", "随着",
    "在这个", "当然，", "当然！", "当然可以", "好的，", "好的！", "好的。", "以下是", "在一个阳光明媚",
)  # fmt: skip
_CLICHES = (
    "little did he know", "little did she know", "little did they know", "a chill ran down", "sent shivers down", "heart skipped a beat",
    "heart pounded in", "time stood still", "in the blink of an eye", "at the end of the day", "only time will tell", "the calm before the storm",
    "it was all a dream", "deafening silence", "as white as a sheet", "cold as ice", "quiet as a mouse", "every cloud has a silver lining",
    "a tapestry of", "testament to", "a symphony of", "dance of shadows", "whispered secrets", "bittersweet symphony", "stood the test of time",
    "lived happily ever after", "let out a breath", "breath she didn't know", "breath he didn't know", "eyes sparkled like", "tip of the iceberg",
    "时光荏苒", "岁月如梭", "光阴似箭", "弹指一挥间", "不禁感慨", "历历在目", "仿佛就在昨天", "心中五味杂陈", "热泪盈眶", "嘴角微微上扬", "眼中闪过一丝",
    "倒吸一口凉气", "空气仿佛凝固", "时间仿佛静止", "命运的齿轮", "总而言之", "综上所述", "众所周知", "从此过上了幸福", "这一刻，我终于明白",
)  # fmt: skip


def _listed(phrases: tuple[str, ...]) -> str:
    return ", ".join(f'"{p}"' for p in phrases)


def _plain(text: str) -> str:
    """For what is required: the word itself must be there, whatever its case."""
    return flowing(as_read(text).casefold().replace("’", "'"))


def _as_seen(text: str, *, accents: bool = False) -> str:
    """For what is forbidden: hidden characters, look-alike letters, line breaks and emphasis do not help."""
    return flowing(seen(text.replace("’", "'").replace("‘", "'"), accents=accents))


class _Seen:
    """A text in which phrases are looked up as a reader sees them. Accents count only in a phrase that has some: whoever forbids
    "résumé" does not forbid "resume", and "stórm" does not hide a "storm"."""

    def __init__(self, text: str) -> None:
        self._text, self._plain = text, _as_seen(text)
        self._accented: str | None = None

    def holds(self, phrase: str) -> bool:
        if not _ACCENTED.search(phrase):
            return _occurrences(_as_seen(phrase), self._plain, at_most=1) > 0
        if self._accented is None:
            self._accented = _as_seen(self._text, accents=True)
        return _occurrences(_as_seen(phrase, accents=True), self._accented, at_most=1) > 0


_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff\u0300-\u036f]")


class ForbiddenOpenings(Kwargs):
    openings: Phrases = _OPENINGS


@checker(
    "wording:forbidden_openings",
    ForbiddenOpenings,
    lambda kw: (
        "Do not open with a worn-out phrase."
        if kw.openings is _OPENINGS
        else f"Do not begin with {_listed(kw.openings)}."
    ),
    summary="The text begins with none of the phrases (by default: worn-out English and Chinese openings); case, opening quotes and Markdown signs are left out.",
    version=4,
)
def forbidden_openings(text: Text, kw: ForbiddenOpenings) -> Verdict:
    reach = _SIGNS_BEFORE + 4 * max(map(len, kw.openings))
    starts = [_start(text.plain, reach)]
    # Behind a title the text begins anew.
    starts += (_start(paragraph, reach) for paragraph in paragraphs(text.plain[: _SIGNS_BEFORE + reach // 4])[:1])
    found = next((o for o, seen in _openings_as_seen(kw.openings) for start in starts if _opens(start, seen)), None)
    return Verdict(found is None, f"begins with {found!r}" if found else "no forbidden opening")


@lru_cache(maxsize=64)
def _openings_as_seen(openings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((opening, _as_seen(opening)) for opening in openings)


_BEFORE_OPENING = " \n\t\"'“”‘’「『«#*_"
_SIGNS_BEFORE = 200
"""Characters of Markdown and white space that may stand within an opening."""


def _start(text: str, reach: int) -> str:
    return _as_seen(without_markup(text.lstrip(_BEFORE_OPENING)[:reach]).lstrip(_BEFORE_OPENING)).lstrip("\"'")


def _opens(start: str, opening: str) -> bool:
    if not opening or not start.startswith(opening):
        return False
    following = start[len(opening) : len(opening) + 1]
    return not (opening[-1].isascii() and opening[-1].isalnum() and following.isalnum())


@checker(
    "wording:no_cliches",
    NoKwargs,
    "Avoid clichés.",
    summary="None of some fifty worn-out phrases of English and Chinese fiction occurs.",
    version=3,
)
def no_cliches(text: Text, kw: NoKwargs) -> Verdict:
    lower = _as_seen(text.plain)
    found = [phrase for phrase in _CLICHES if phrase in lower]
    return Verdict(not found, f"clichés: {', '.join(found)[:200]}" if found else "no cliché of the list")


class ForbiddenPhrases(Kwargs):
    phrases: Phrases


@checker(
    "wording:forbidden_phrases",
    ForbiddenPhrases,
    lambda kw: f"Do not use {_listed(kw.phrases)}.",
    summary="None occurs: phrases that begin and end with Latin letters as whole words, others anywhere; case is ignored.",
    version=3,
)
def forbidden_phrases(text: Text, kw: ForbiddenPhrases) -> Verdict:
    shown = _Seen(text.plain)
    found = [phrase for phrase in kw.phrases if shown.holds(phrase)]
    return Verdict(not found, f"found: {', '.join(found)[:200]}" if found else "no forbidden phrase")


class RequiredPhrases(Kwargs):
    phrases: Phrases
    times: Positive = 1


@checker(
    "wording:required_phrases",
    RequiredPhrases,
    lambda kw: f"Use {_listed(kw.phrases)}" + (f" at least {kw.times} times each." if kw.times > 1 else "."),
    summary="Each occurs often enough: phrases that begin and end with Latin letters as whole words, others anywhere; case ignored.",
    version=3,
)
def required_phrases(text: Text, kw: RequiredPhrases) -> Verdict:
    lower = _plain(text.plain)
    for phrase in kw.phrases:
        found = _occurrences(_plain(phrase), lower, at_most=kw.times)
        if found < kw.times:
            return Verdict(False, f'"{phrase[:60]}" occurs {found} times, at least {kw.times} wanted')
    return Verdict(True, "every phrase found")


def _occurrences(phrase: str, lower: str, at_most: int) -> int:
    """Counted up to `at_most`."""
    wanted = phrase.strip()
    left, right = wanted[:1].isascii() and wanted[:1].isalnum(), wanted[-1:].isascii() and wanted[-1:].isalnum()
    if wanted not in lower or not wanted:
        return 0
    pattern = re.compile((r"(?<!\w)" if left else "") + re.escape(wanted) + (r"(?!\w)" if right else ""))
    count = 0
    for _ in pattern.finditer(lower):
        count += 1
        if count >= at_most:
            break
    return count
