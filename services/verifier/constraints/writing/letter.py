"""structure:letter: the frame of a letter, English or Chinese."""

import re

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.units import without_markup

SALUTATION = re.compile(
    r"(?:(?:my |our )?dear(?:est)?|hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|to whom it may concern|ladies and gentlemen|"
    r"esteemed|to (?:the|all|our|my))\b(?:[^.!?\n]|\b(?:mrs?|ms|dr|prof|rev|hon|st|[a-z])\.){0,80}[,:!—–-]?$"
    r"|(?:尊敬的|敬爱的|亲爱的|致)?[^，。！？；“”\n]{1,30}[:：]$|(?:尊敬的|敬爱的|亲爱的)[^。？；“”\n]{1,30}[，,!！]?$",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"(?:yours?|sincerely|best|kind(?:est)?|warm(?:est|ly)?|regards|with (?:love|best|kind|warm|thanks|gratitude|respect|all|appreciation)\b|love|cheers|respectfully|"
    r"faithfully|cordially|gratefully|many thanks|thank you|thanks|all the best|take care|until|always|affectionately|in (?:solidarity|gratitude))\b[^.?\n]{0,60}[,.!]?$"
    r"|此致|敬礼[！!]?$|顺[颂祝]|谨[上启]|敬[上启]|祝(?:您|你|好|愿|贵|身体|工作|万事|商祺|安)?[^。\n]{0,20}[！!。]?$|即[颂祝]|专此|特此",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"[^。！？!?\n]{1,60}$")
_HEAD, _FOOT = 10, 7
"""Lines, from the start and from the end, in which the frame stands: address, date and subject, name, position and date beside it."""


@checker(
    "structure:letter",
    NoKwargs,
    "Write it as a letter, with a salutation, a closing formula and a signature.",
    summary="A salutation (Dear ..., 尊敬的...：) near the start, a closing (Yours sincerely, 此致 敬礼) near the end, and a signature under it.",
    unsure=True,
    version=2,
)
def letter(text: Text, kw: NoKwargs) -> Verdict:
    lines = [without_markup(line).strip() for line in text.plain.split("\n") if line.strip()]
    if not any(SALUTATION.match(line) for line in lines[:_HEAD]):
        return Verdict(False, "no salutation")
    at = next((i for i in range(len(lines) - 1, max(0, len(lines) - 1 - _FOOT), -1) if CLOSING.match(lines[i])), None)
    if at is None:
        return Verdict(False, "no closing formula")
    signed = at + 1 < len(lines) and _SIGNED.match(lines[at + 1]) is not None
    return Verdict(signed, "salutation, closing and signature" if signed else f"no signature under {lines[at][:60]!r}")
