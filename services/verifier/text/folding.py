"""Texts as a reader sees them: without invisible characters, with compatibility forms and look-alike letters made plain.

For checks that someone might want to slip past. What the reference checkers check is left as it is.
"""

import re
import unicodedata

_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# Letters of other scripts that look like Latin ones.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝьАВЕКМНОРСТУХІЈЅοανρτυικωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıⅼⅰⅴⅹ",
    "aeopcyxijsdhqwbABEKMHOPCTYXIJSoavptuikwABEZHIKMNOPTYXagilivx",
)


def without_invisible(text: str) -> str:
    return text if text.isascii() else _INVISIBLE.sub("", text)


def seen(text: str) -> str:
    """Case-folded, without invisible characters; full-width, mathematical and look-alike letters as plain ones."""
    if text.isascii():
        return text.lower()
    # Per character: normalising a whole text sorts its combining marks, which takes quadratic time on hostile ones.
    plain = "".join(c if c.isascii() else unicodedata.normalize("NFKC", c) for c in without_invisible(text))
    return plain.translate(_LOOKALIKES).casefold()
