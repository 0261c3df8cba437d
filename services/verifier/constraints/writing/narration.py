"""narration: point of view and tense, outside of dialogue."""

import re
from typing import Literal

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.dialogue import narration_of
from services.verifier.text import Text
from services.verifier.text.units import HAN
from services.verifier.text.verbs import tenses

_I = re.compile(r"\b[Ii](?:'(?:m|d|ve|ll))?\b(?!')")
# "I" as a number, behind what is numbered: a war, a part, a ruler; or as a letter.
_BEFORE_NUMERAL = (
    "War", "Part", "Chapter", "Volume", "Vol.", "Act", "Scene", "Book", "Phase", "Type", "Class", "Division", "Grade", "Level", "Stage",
    "Section", "Appendix", "Title", "Article", "Tier", "letter", "vowel", "Category", "Schedule", "Figure", "Table", "Canto", "Charles",
    "George", "Elizabeth", "James", "Henry", "Edward", "William", "Richard", "Mary", "Louis", "Francis", "Napoleon", "Frederick", "Wilhelm",
    "Nicholas", "Alexander", "Peter", "Catherine", "Leopold", "Philip", "Paul", "John", "Ferdinand", "Joseph", "Maria", "Pius", "Ramses",
    "Darius", "Cyrus",
)  # fmt: skip
_NUMERAL = re.compile(r"[Ii]\.[A-Za-z]\.|I[–-][IVX]+\b")
_FIRST = re.compile(
    r"\b(?:[Mm]e|[Mm]y|[Mm]yself|[Ww]e|[Ww]e're|[Ww]e'd|[Ww]e've|[Ww]e'll|[Uu]s|[Oo]ur|[Oo]urs|[Oo]urselves)\b(?!')|\b(?:of|is|was|be|were|are|than|and) mine\b"
)
_SECOND = re.compile(r"\b(?:you|you're|you'd|you've|you'll|your|yours|yourself|yourselves)\b")
_THIRD = re.compile(r"\b(?:he|she|they|him|her|them|his|hers|their|theirs|himself|herself|themselves)\b")
_CHINESE = {
    "first": re.compile("我|咱|俺"),
    "second": re.compile("你|您"),
    "third": re.compile("他|她|它"),
}
# Words that hold a pronoun's character and are none: self, compatriot forms of reports, idioms.
_NO_CHINESE_PRONOUN = re.compile(
    "[自忘大小本超敌无人]我|我[国國方市省县縣区區校院局军軍党黨]|依然故我|我行我素|唯我独尊|舍我其谁|时不我待|卿卿我我|尔虞我诈|我见犹怜|你死我活"
    "|你[追来争推看一][^，。！？；“”]{0,3}我[赶往夺搡看一]?[言句]?|迷你|其他|吉他|他乡|他人|他日|他杀|利他|[人无敌]我|不分你我|你我他"
)


class PointOfView(Kwargs):
    person: Literal["first", "second", "third"]


@checker(
    "narration:point_of_view",
    PointOfView,
    "Tell it in the {person} person.",
    summary="Pronouns outside of dialogue: first has I or we, second has you more than twice as often as these, third has at most one of both to ten of its own.",
    version=4,
    unsure=True,
)
def point_of_view(text: Text, kw: PointOfView) -> Verdict:
    """English and Chinese pronouns. A text without any pronoun is in the third person too, and a stray I or you (a thought, a saying)
    does not change it."""
    first, second, third = _pronouns(narration_of(text))
    counts = f"{first} first, {second} second, {third} third person pronouns outside of dialogue"
    if kw.person == "first":
        return Verdict(first > 0 and second <= 2 * first, counts)
    if kw.person == "second":
        return Verdict(second > 2 * first, counts)
    return Verdict(10 * (first + second) <= third, counts)


def _pronouns(narration: str) -> tuple[int, int, int]:
    straight = narration.replace("’", "'")
    lower = straight.lower()
    # "US" is a country, but in a text of capitals it is a pronoun.
    first = straight if straight != straight.upper() else lower
    counts = [
        len(_FIRST.findall(first)) + sum(not _is_numeral(straight, m) for m in _I.finditer(straight)),
        len(_SECOND.findall(lower)),
        len(_THIRD.findall(lower)),
    ]
    if HAN.search(narration):
        without = _NO_CHINESE_PRONOUN.sub(" ", narration)
        counts = [n + len(p.findall(without)) for n, p in zip(counts, _CHINESE.values(), strict=True)]
    return counts[0], counts[1], counts[2]


def _is_numeral(text: str, match: re.Match[str]) -> bool:
    """Also "I." and "I)" at the start of a line."""
    start, end = match.span()
    if end - start > 1:
        return False
    if text[end : end + 1] in (".", ")") and not text[max(text.rfind("\n", 0, start) + 1, start - 9) : start].strip():
        return start < 9 or "\n" in text[start - 9 : start]
    if _NUMERAL.match(text, start):
        return True
    return text[start - 1 : end] == " I" and text.endswith(_BEFORE_NUMERAL, max(0, start - 16), start - 1)


class Tense(Kwargs):
    tense: Literal["past", "present"]


@checker(
    "narration:tense",
    Tense,
    "Tell it in the {tense} tense.",
    summary="English verb forms outside of dialogue, four of five in the wanted tense; a text without English verbs fails.",
    version=2,
    unsure=True,
)
def tense(text: Text, kw: Tense) -> Verdict:
    """Chinese has no tense."""
    past, present = tenses(narration_of(text).replace("’", "'"))
    wanted = past if kw.tense == "past" else present
    return Verdict(
        wanted > 0 and wanted >= 4 * (past + present - wanted), f"{past} past and {present} present verb forms"
    )
