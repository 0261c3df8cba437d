"""Texts made to slow checkers down: what backtracks, what nests, what normalises slowly, what never ends a sentence."""

_UNITS = (
    "a", " ", "\n", "\n\n", ".", ". ", "!", "?!", "\"", "'", "*", "**", "***", "* ", "- ", "-", "[", "]", "[x", "(", "((", "{", "{[(", "<<", "<<a", ">>",
    "<i>", "<em", "`", "```", "\t", "\r", "\r\n", "\x00", "\u200b", "\u0301", "\u0315\u0300", "\u1100", "\u3042", "\u4e2d", "\u3002", "\U0001f600",
    "\U0001f469\u200d", "1", "1.", "1, ", "A", "A ", "A. ", "e.g. ", "U.S. ", "Mr. ", "a.a", "x.", "p. ", "p.s", "http://a", "a@", "Question 1", "Question",
    "Section 1 ", '"a",', "---", "--", "# ", "|", "|-", ":", ": ", ",", ",,", "aeiou", "bcd ", "noon ", "a-", "/", "\\", "%", "&lt;", "</a>", "<a ", "=",
    "- a:\n ", "&a ", "*a ", "{\"a\":", "\ud800", "ſ", "İ", "ß", "#", "ab", "aB", "0", "<", "\u200d\u2060", "~", "_", "__a", "“", "「", "(a", "*a*b", "\u2028",
)  # fmt: skip
# Runs that are all different: nothing remembered of one helps with the next.
_COUNTED = ("w{} ", "W{}a. ", "x{}'s, ", "(Y{}.) ", "“{}a”? ", "Z{}-b's. ", "诗{}。", "é{}a ", "{}a.b. ", "I{}'LL.\n")


def adversarial_texts(size: int, first: int = 0) -> list[str]:
    """Each unit repeated to `size` characters, alone, behind a word, and before one; and runs numbered from `first` on."""
    texts = []
    for unit in _UNITS:
        body = unit * (size // len(unit))
        texts += [body, f"Word {body}", f"{body} end"]
    for unit in _COUNTED:
        runs = "".join(unit.format(_spelled(first + i)) for i in range(size // len(unit)))
        texts.append(runs[:size])
    return texts


def _spelled(number: int) -> str:
    """In letters, since digits are dropped by some readings."""
    letters = ""
    while True:
        number, digit = divmod(number, 26)
        letters += chr(ord("a") + digit)
        if not number:
            return letters
