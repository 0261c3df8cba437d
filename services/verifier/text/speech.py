"""Direct speech: what characters say, told from what is only quoted.

Speech stands between quotation marks of any style (over several paragraphs, if each opens anew), behind a dash at the start of a line, or
behind the name of a speaker in a script. Not speech: apostrophes, feet and inches, and quoted titles and terms, which stand within a
sentence without a mark at their end.
"""

import re
from bisect import bisect_right
from collections import Counter

Span = tuple[int, int]

_SPEECH_VERBS = (
    "said says say asked asks ask replied replies answered answers whispered whispers shouted shouts cried cries yelled yells called calls "
    "murmured murmurs muttered mutters told tells added adds began begins continued continues demanded demands declared declares exclaimed "
    "exclaims explained explains insisted insists laughed laughs sighed sighs snapped snaps growled growls sobbed sobs screamed screams "
    "hissed hisses warned warns admitted admits agreed agrees announced announces begged begs breathed breathes croaked gasped gasps "
    "groaned groans grumbled mumbled mumbles offered offers observed observes ordered orders pleaded pleads promised promises protested "
    "remarked remarks repeated repeats returned roared roars sang sings suggested suggests thought thinks urged urges went wondered "
    "wonders mused muses interrupted interrupts echoed echoes barked barks bellowed bellows chuckled drawled grunted wailed"
)
SPEECH_VERBS = frozenset(_SPEECH_VERBS.split())
CHINESE_SPEECH_VERB = re.compile(
    "[说說道问問喊叫答骂罵嚷嘀喃吼劝勸念唱吩咐嘱嘟]|回应|应声|應聲|开口|開口|插嘴|低语|心想|自语"
)
_DOUBLE = re.compile('["“”„«»‹›「」『』＂]')
_SINGLE_OPEN = re.compile(r"(?<![\w'’‘.,!?])[‘'](?=[^\W\d]|[“\"¡¿…—]|\.\.\.|\d(?!0s))")
_SINGLE_CLOSE = re.compile(r"(?<=[.,!?…—–;:\-])['’](?!\w)")
_DASH_LINE = re.compile(
    r"^[^\S\n]*(?:[—–]|——)[^\S\n]*[^\W\d_][^\n]*[.!?…:;,。！？，：；\"”»)]['’*_]*[^\S\n]*$", re.MULTILINE
)
_CUE = re.compile(
    r"^[^\S\n]*\**(?P<name>[A-Z][\w.'’-]{0,24}(?: [A-Z0-9][\w.'’-]{0,24}){0,2}|[\u4e00-\u9fff]{1,6})"
    r"(?:[^\S\n]?[(（][^()（）\n]{1,40}[)）])?\**[:：]\**[^\S\n]*(?P<line>\S[^\n]*)$",
    re.MULTILINE,
)
_CUE_ABOVE = re.compile(
    r"^[^\S\n]*(?P<name>[A-Z][A-Z.'’ ]{1,28}[A-Z])(?: \([^()\n]{1,30}\))?\n(?:[^\S\n]*\([^()\n]{1,60}\)\n)?(?P<line>[^\S\n]*[^\s(][^\n]*)",
    re.MULTILINE,
)
_OPENS_LINE = re.compile(r"(?:^|\n)[^\S\n]*$")
_LAST_WORDS = re.compile(r"[A-Za-z]+")
_ENDS_SPEECH = ".,!?…—–-;:~。！？，、；：～"
_ENDS_LOUDLY = "!?…—。！？；～"
_PAIRS = {"“": "”", "「": "」", "『": "』", "«": "»", "‹": "›", "„": "“"}


def speech_spans(text: str) -> list[Span]:
    """Where characters speak, in order, without overlaps; the marks belong to it, the name of a script's speaker does not.
    The text is as `as_read` gives it."""
    lines = _script_lines(text) + [m.span() for m in _DASH_LINE.finditer(text)]
    lines.sort()
    quoted = [span for span in _quoted(text) if _is_speech(text, *span)]
    # A quotation within a line that is speech already is part of it.
    starts = [start for start, _ in lines]
    found = list(lines)
    for start, end in quoted:
        at = bisect_right(starts, start) - 1
        if at < 0 or lines[at][1] <= start:
            found.append((start, end))
    return sorted(found)


def _script_lines(text: str) -> list[Span]:
    """Of a text in which at least two speakers take turns, and one speaks again."""
    if ":" in text or "：" in text:
        found = list(_CUE.finditer(text))
        if _takes_turns(found):
            return [m.span("line") for m in found]
    found = list(_CUE_ABOVE.finditer(text))
    return [m.span("line") for m in found] if _takes_turns(found) else []


def _takes_turns(cues: list[re.Match[str]]) -> bool:
    speakers = Counter(m.group("name") for m in cues)
    return len(speakers) > 1 and max(speakers.values()) > 1


def _quoted(text: str) -> list[Span]:
    doubles = _double_quoted(text)
    if "'" not in text and "‘" not in text:
        return doubles
    found, position = list(doubles), 0
    # Single marks count outside of double ones alone: within them they quote what someone else said.
    for start, end in [*doubles, (len(text), len(text))]:
        found += _single_quoted(text, position, start)
        position = end
    return sorted(found)


def _double_quoted(text: str) -> list[Span]:
    found: list[Span] = []
    opened, closing, depth = -1, "", 0
    for match in _DOUBLE.finditer(text):
        at, mark = match.start(), match.group()
        starts_line = text[max(0, at - 1) : at] in ("", "\n") or bool(_OPENS_LINE.search(text, max(0, at - 12), at))
        if mark in '"＂':
            if opened >= 0 and closing == mark:
                if starts_line and _follows_paragraph(text, opened, at):
                    continue  # the same speech goes on in a new paragraph
                found.append((opened, at + 1))
                opened = -1
            elif opened < 0 and not text[max(0, at - 1) : at].isdigit():
                opened, closing, depth = at, mark, 0
            continue
        if opened >= 0 and mark == closing:
            if depth:
                depth -= 1
            else:
                found.append((opened, at + 1))
                opened = -1
        elif opened >= 0 and mark == text[opened] and mark not in "“„":
            depth += 1
        elif mark in _PAIRS and (opened < 0 or (mark in "“„" and text[opened] in "“„" and not starts_line)):
            opened, closing, depth = at, _PAIRS[mark], 0
    return found


def _follows_paragraph(text: str, opened: int, at: int) -> bool:
    """Whether the paragraph before ended without a closing mark, as it does where a speech goes on."""
    before = text[max(opened, at - 40) : at].rstrip()
    return before[-1:] in tuple(".!?…,;:—") and len(before) > 1


def _single_quoted(text: str, start: int, end: int) -> list[Span]:
    found: list[Span] = []
    position = start
    while (opening := _SINGLE_OPEN.search(text, position, end)) is not None:
        stop = text.find("\n\n", opening.end(), end)
        closing = _SINGLE_CLOSE.search(text, opening.end(), stop if stop >= 0 else end)
        if closing is None:
            position = stop if stop >= 0 else end
        else:
            # An apostrophe at the start of a word ('tis) is no opening mark where a later one stands closer to the end.
            found.append((opening.start(), closing.end()))
            position = closing.end()
    return found


def _is_speech(text: str, start: int, end: int) -> bool:
    inner = text[start + 1 : end - 1].strip()
    if not inner or not any(map(str.isalnum, inner)):
        return False
    before, after = text[max(0, start - 60) : start], text[end : end + 60]
    line = before.rsplit("\n", 1)[-1].rstrip()
    if not line:
        return inner[-1] in _ENDS_SPEECH or after.partition("\n")[0].strip() == "" or _attributed(after)
    if line[-1] in ":：" or _introduced(line):
        return True
    ends = inner[-1] in _ENDS_SPEECH
    if not line[-1].isalnum() and line[-1] not in "、，" and ends:
        return True
    return inner[-1] in _ENDS_LOUDLY or _attributed(after)


def _introduced(line: str) -> bool:
    """By a verb of speech within the last words of the same sentence."""
    if CHINESE_SPEECH_VERB.search(line.rstrip("，,：: ")[-1:]):
        return True
    clause = re.split(r"[.!?;\"”’]", line[-50:].rstrip(", "))[-1]
    # "said", "said to her", but not "called the town" or "thought of".
    last = _LAST_WORDS.findall(clause)[-2:]
    return any(word.lower() in _INTRODUCING for word in last)


_INTRODUCING = SPEECH_VERBS - {
    "called",
    "calls",
    "went",
    "thought",
    "thinks",
    "say",
    "ask",
    "returned",
    "sang",
    "sings",
}


def _attributed(after: str) -> bool:
    """By who speaks, right behind the quotation."""
    clause = re.split(r"[.!?;。！？；，：\n\"“「]", after.lstrip(",， ")[:50])[0]
    if after[:1] in ("", "\n"):
        return False
    if "\u4e00" <= clause[:1] <= "\u9fff":
        return after[:1] in "，," and CHINESE_SPEECH_VERB.search(clause[-1:]) is not None
    return after[:1] in ", " and any(word.lower() in SPEECH_VERBS for word in _LAST_WORDS.findall(clause)[:3])
