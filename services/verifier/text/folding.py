"""Texts as a reader sees them. What the reference checkers check is left as it is, but for what is hidden in it (`without_hidden`).

`as_read`, for every checker of our own: what shows nothing is not there, and what looks alike is alike.

- line ends of Windows and Unicode are newlines, and no-break and wide spaces are spaces;
- invisible characters are dropped: Unicode's default-ignorable ones, Hangul fillers, controls; joiners stay within emoji;
- letters and accents typed apart are one letter (NFC); marks that belong to no letter, and all beyond two on one, are dropped.

`seen`, for what someone might want to slip past a check: also case, full-width and mathematical forms, letters of other scripts that
look like Latin ones, and accents on Latin letters.
"""

import re
import unicodedata
from typing import Literal

import regex

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_INVISIBLE = regex.compile(
    # A joiner or variation selector beside a pictograph is part of it.
    r"(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|\u200d(?!\p{Extended_Pictographic})|(?<!\p{Extended_Pictographic}|\p{Emoji_Modifier})[\ufe0e\ufe0f](?!\u20e3)"
    r"|[[\p{Default_Ignorable_Code_Point}\p{Cc}\u2800\ufffc\u3164\uffa0\p{Cf}]--[\n\t\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]]"
    r"|(?<!\U0001f3f4[\U000e0020-\U000e007f]{0,7})[\U000e0020-\U000e007f]",
    regex.V1,
)
# One plain class is quick to look for, and most texts hold none of it.
_MAY_BE_INVISIBLE = regex.compile(
    r"[[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800\ufffc\u3164\uffa0]--[\n\t]]", regex.V1
)
# Of ASCII only control characters are among them, and re finds those ten times as fast.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MARK = regex.compile(r"\p{M}")
_MAY_BE_HIDDEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Mn}\p{Me}\u2800\ufffc]")
_JOINED = r"[\p{Arabic}\p{Syriac}\p{Nko}\p{Mongolian}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Khmer}\p{Myanmar}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]"
_HIDDEN = regex.compile(
    rf"(?<!{_JOINED})[\u200c\u200d]|[[\p{{Default_Ignorable_Code_Point}}\u2800\ufffc]--[\u200c\u200d\u200e\u200f\ufe00-\ufe0f\U000e0020-\U000e007f]]"
    r"|(?<!\p{Extended_Pictographic}|\p{Emoji_Modifier})[\ufe00-\ufe0f](?!\u20e3)|(?<!\U0001f3f4[\U000e0020-\U000e007f]{0,7})[\U000e0020-\U000e007f]|(?<![\p{Arabic}\p{Hebrew}\p{P}\s])[\u200e\u200f]",
    regex.V1,
)
# At most two marks on a letter: no writing that our checkers read has more, and normalising long runs takes quadratic time.
_PILED_MARKS = regex.compile(r"(\p{Mn}{2})\p{Mn}++")
_LONE_MARKS = regex.compile(r"(?<![\p{L}\p{N}\p{M}#*])[\p{Mn}\p{Me}]++")
_LATIN_MARKS = regex.compile(r"(?<=[\p{Latin}\p{N}\p{Han}\p{P}])[\p{Mn}\p{Me}]++")
# Letters of other scripts that look like Latin ones.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝьАВЕКМНОРСТУХІЈЅοανρτυικωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıⅼⅰⅴⅹ",
    "aeopcyxijsdhqwbABEKMHOPCTYXIJSoavptuikwABEZHIKMNOPTYXagilivx",
)


def as_read(text: str) -> str:
    """What is on the page, letter by letter."""
    plain = text.isascii()
    if (_CONTROL if plain else _MAY_BE_INVISIBLE).search(text):
        text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    if plain:
        return text
    text = _SPACES.sub(" ", text).replace("\u2028", "\n").replace("\u2029", "\n")
    if not _MARK.search(text):
        return text
    return unicodedata.normalize("NFC", _LONE_MARKS.sub("", _PILED_MARKS.sub(r"\1", text)))


def without_hidden(text: str) -> str:
    """For the reference checkers, which read text as it is: all but what shows nothing and stands where no writing has it. Joiners stay
    beside letters that they join (Persian, Hindi) and within emoji, line ends and spaces stay what they are."""
    if text.isascii() or not _MAY_BE_HIDDEN.search(text):
        return text
    return _LONE_MARKS.sub("", _HIDDEN.sub("", text))


def without_invisible(text: str) -> str:
    return text if text.isascii() else _INVISIBLE.sub("", text)


def seen(text: str, *, accents: bool = False) -> str:
    """Case-folded, without invisible characters; full-width, mathematical, look-alike and (but for `accents`) accented letters as
    plain ones."""
    if text.isascii():
        return as_read(text).lower()
    # Per character: normalising a whole text sorts its combining marks, which takes quadratic time on hostile ones.
    form: Literal["NFKC", "NFKD"] = "NFKC" if accents else "NFKD"
    apart = "".join(c if c.isascii() else unicodedata.normalize(form, c) for c in as_read(text))
    return _LATIN_MARKS.sub("", apart).translate(_LOOKALIKES).casefold()


_EMPHASIS = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)|~~")
_GAP = re.compile(r"\s+")
_HAN_GAP = regex.compile(r"(?<=[\p{Han}\p{P}--[.,;:!?'\"()]]) (?=\p{Han})", regex.V1)


def flowing(text: str) -> str:
    """On one line, without the signs of emphasis and without spaces between Chinese characters: for looking phrases up."""
    plain = _GAP.sub(" ", _EMPHASIS.sub("", text)).strip()
    return plain if plain.isascii() else _HAN_GAP.sub("", plain)
