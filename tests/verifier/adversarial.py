"""Texts made to slow checkers down: what backtracks, what nests, what normalises slowly, what never ends a sentence."""

_UNITS = (
    "a", " ", "\n", "\n\n", ".", ". ", "!", "?!", "\"", "'", "*", "**", "***", "* ", "- ", "-", "[", "]", "[x", "(", "((", "{", "{[(", "<<", "<<a", ">>",
    "<i>", "<em", "`", "```", "\t", "\r", "\r\n", "\x00", "\u200b", "\u0301", "\u0315\u0300", "\u1100", "\u3042", "\u4e2d", "\u3002", "\U0001f600",
    "\U0001f469\u200d", "1", "1.", "1, ", "A", "A ", "A. ", "e.g. ", "U.S. ", "Mr. ", "a.a", "x.", "p. ", "p.s", "http://a", "a@", "Question 1", "Question",
    "Section 1 ", '"a",', "---", "--", "# ", "|", "|-", ":", ": ", ",", ",,", "aeiou", "bcd ", "noon ", "a-", "/", "\\", "%", "&lt;", "</a>", "<a ", "=",
    "- a:\n ", "&a ", "*a ", "{\"a\":", "\ud800", "ſ", "İ", "ß",
)  # fmt: skip


def adversarial_texts(size: int) -> list[str]:
    """Each unit repeated to `size` characters, alone, behind a word, and before one."""
    texts = []
    for unit in _UNITS:
        body = unit * (size // len(unit))
        texts += [body, f"Word {body}", f"{body} end"]
    return texts
