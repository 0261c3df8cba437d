"""narration: point of view and tense, outside of dialogue."""

import re
from typing import Literal

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.constraints.writing.dialogue import narration_of
from services.verifier.text import Text
from services.verifier.text.units import HAN

_FIRST = re.compile(r"\b(?:i|i'm|i'd|i've|i'll|me|my|mine|myself|we|we're|we'd|we've|we'll|us|our|ours|ourselves)\b")
_SECOND = re.compile(r"\b(?:you|you're|you'd|you've|you'll|your|yours|yourself|yourselves)\b")
_THIRD = re.compile(r"\b(?:he|she|they|him|her|them|his|hers|their|theirs|himself|herself|themselves)\b")
_CHINESE = {
    "first": re.compile("我|咱|俺"),
    "second": re.compile("你|您"),
    "third": re.compile("他|她|它"),
}
_PRESENT = re.compile(
    r"\b(?:is|are|am|isn't|aren't|has|have|does|do|doesn't|don't|says|goes|comes|looks|feels|knows|thinks|sees|takes|makes|turns|walks|"
    r"stands|sits|hears|runs|smiles|watches|waits|opens|begins|holds|finds|gives|tells|asks|becomes|seems|keeps|leaves|moves|falls|"
    r"reaches|pulls|speaks|whispers|remembers|wants|needs|can|will)\b"
)
_PAST = re.compile(
    r"\b(?:was|were|wasn't|weren't|had|hadn't|did|didn't|said|went|came|felt|knew|thought|saw|took|made|stood|sat|heard|ran|began|held|"
    r"found|gave|told|became|kept|left|fell|spoke|could|would|got|brought|caught|grew|rose|lay|led|lost|met|wrote|read|drew|broke|"
    r"[a-z]{3,}(?<!ne)ed)\b"
)


class PointOfView(Kwargs):
    person: Literal["first", "second", "third"]


@checker(
    "narration:point_of_view",
    PointOfView,
    "Tell it in the {person} person.",
    summary="Pronouns outside of dialogue: first person has I or we, no less often than you; second has you more often than I or we; third has neither.",
)
def point_of_view(text: Text, kw: PointOfView) -> Verdict:
    """English and Chinese pronouns. Those of the third person are counted for the reason only: a text without any pronoun is in the
    third person too."""
    first, second, third = _pronouns(narration_of(text))
    counts = f"{first} first, {second} second, {third} third person pronouns outside of dialogue"
    if kw.person == "first":
        return Verdict(first > 0 and first >= second, counts)
    if kw.person == "second":
        return Verdict(second > 0 and second > first, counts)
    return Verdict(first == 0 and second == 0, counts)


def _pronouns(narration: str) -> tuple[int, int, int]:
    lower = narration.lower().replace("’", "'")
    counts = [len(pattern.findall(lower)) for pattern in (_FIRST, _SECOND, _THIRD)]
    if HAN.search(narration):
        counts = [n + len(p.findall(narration)) for n, p in zip(counts, _CHINESE.values(), strict=True)]
    return counts[0], counts[1], counts[2]


class Tense(Kwargs):
    tense: Literal["past", "present"]


@checker(
    "narration:tense",
    Tense,
    "Tell it in the {tense} tense.",
    summary="English verb forms outside of dialogue, four of five in the wanted tense; a text without English verbs fails.",
)
def tense(text: Text, kw: Tense) -> Verdict:
    """Chinese has no tense."""
    lower = narration_of(text).lower().replace("’", "'")
    past, present = len(_PAST.findall(lower)), len(_PRESENT.findall(lower))
    wanted = past if kw.tense == "past" else present
    return Verdict(
        wanted > 0 and wanted >= 4 * (past + present - wanted), f"{past} past and {present} present verb forms"
    )
