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
# The character itself first, then what stands before it: a search is five times as fast where an alternative starts with a class.
_INVISIBLE = regex.compile(
    # A joiner or variation selector beside a pictograph is part of it.
    r"\u200d(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f].)|\u200d(?!\p{Extended_Pictographic})"
    r"|[\ufe0e\ufe0f](?<!(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}).)(?!\u20e3)"
    r"|[[\p{Default_Ignorable_Code_Point}\p{Cc}\u2800\ufffc\u3164\uffa0\p{Cf}]--[\n\t\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]]"
    r"|[\U000e0020-\U000e007f](?<!\U0001f3f4[\U000e0020-\U000e007f]{0,7}.)",
    regex.V1 | regex.DOTALL,
)
# Most texts hold characters of these only: nothing to fold, no mark, nothing invisible. `re` finds others ten times as fast as `regex`.
_OTHERS = re.compile(
    "[^\t\n -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u0590\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u27ff"
    "\u2e80-\u3029\u3030-\u3098\u309b-\u3163\u3165-\ua66e\uac00-\ud7a3\uf900-\ufb1d\uff01-\uff9f\uffe0-\uffe6\U0001f000-\U0001faff]"
)
_INK = re.compile("[!-~\u3400-\u9fff]")
_MARK = regex.compile(r"\p{M}")
_MAY_BE_HIDDEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\u2800\ufffc]")
_JOINED = r"[\p{Arabic}\p{Syriac}\p{Nko}\p{Mongolian}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Khmer}\p{Myanmar}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]"
_HIDDEN = regex.compile(
    rf"[\u200c\u200d](?<!{_JOINED}.)"
    r"|[[\p{Default_Ignorable_Code_Point}\u2800\ufffc]--[\u200c-\u200f\ufe00-\ufe0f\U000e0020-\U000e007f]]"
    r"|[\ufe00-\ufe0f](?<!(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}).)(?!\u20e3)"
    r"|[\U000e0020-\U000e007f](?<!\U0001f3f4[\U000e0020-\U000e007f]{0,7}.)"
    r"|[\u200e\u200f](?<![\p{Arabic}\p{Hebrew}\p{P}\s].)",
    regex.V1 | regex.DOTALL,
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


def shows_nothing(text: str) -> bool:
    """Whether a reader sees a blank page."""
    return not _INK.search(text) and not as_read(text).strip()


def as_read(text: str) -> str:
    """What is on the page, letter by letter."""
    if not _OTHERS.search(text):
        return text
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    if text.isascii():
        return text
    text = _SPACES.sub(" ", text).replace("\u2028", "\n").replace("\u2029", "\n")
    if not _MARK.search(text):
        return text
    return unicodedata.normalize("NFC", _LONE_MARKS.sub("", _PILED_MARKS.sub(r"\1", text)))


def without_hidden(text: str) -> str:
    """For the reference checkers, which read text as it is: all but what shows nothing and stands where no writing has it. Joiners stay
    beside letters that they join (Persian, Hindi) and within emoji, line ends and spaces stay what they are."""
    if text.isascii() or not _OTHERS.search(text):
        return text
    if _MAY_BE_HIDDEN.search(text):
        text = _HIDDEN.sub("", text)
    return _LONE_MARKS.sub("", text)


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
