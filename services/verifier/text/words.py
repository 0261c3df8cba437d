r"""Splits a sentence into words and punctuation marks the way the Penn Treebank does.

Source: the Treebank's tokenisation conventions (R. MacIntyre's sed script), with the later additions of the tokenizer that the
reference checkers call: curly quotes, guillemets, long dashes, asterisks. The order of the rules is part of the definition.
Each rule is skipped when the character that it is about is absent, which is the usual case.
"""

import re

_Rule = tuple[str, re.Pattern[str], str]


def _rule(needs: str, pattern: str, replacement: str) -> _Rule:
    """`needs`: characters one of which must occur for the rule to do anything; empty = always applied."""
    return needs, re.compile(pattern), replacement


_OPENING_QUOTES = [
    _rule("«“‘„`", r"([«“‘„]|`+)", r" \1 "),
    _rule('"', r'^"', "``"),
    _rule('`"', r"(``)", r" \1 "),
    _rule("\"'", r"""([ (\[{<])("|'{2})""", r"\1 `` "),
    _rule("'", r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", r"\1 "),
]
_PUNCTUATION = [
    _rule(".", r"""([^.])(\.)([\])}>"'»”’ ]*+)\s*$""", r"\1 \2 \3 "),
    _rule(":,", r"([:,])([^\d])", r" \1 \2"),
    _rule(":,", r"([:,])$", r" \1 "),
    _rule(".", r"\.{2,}", r" \g<0> "),
    _rule(";@#$%&", r"[;@#$%&]", r" \g<0> "),
    _rule("\u2012\u2013\u2014\u2015", r"[\u2012-\u2015]", r" \g<0> "),
    _rule(".", r"""([^.])(\.)([\])}>"']*)\s*$""", r"\1 \2\3 "),
    _rule("?!", r"[?!]", r" \g<0> "),
    _rule("'", r"([^'])' ", r"\1 ' "),
    _rule("*", r"[*]", r" \g<0> "),
    _rule("[](){}<>", r"[\]\[(){}<>]", r" \g<0> "),
    _rule("-", r"--", r" -- "),
]
_CLOSING_QUOTES = [
    _rule("»”’", r"([»”’])", r" \1 "),
    _rule("'", r"''", " '' "),
    _rule('"', r'"', " '' "),
    _rule("", r"\s+", " "),
    _rule("'", r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
    _rule("'", r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
]
_FUSED = re.compile(
    r"(?i)\b(?:(can)(not)|(d)('ye)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n))\b|\b(wan)(na)(?=\s)"
)
_TIS = re.compile(r"(?i) ('t)(is|was)\b")


def word_tokens(sentence: str) -> list[str]:
    """Tokens of one sentence; a text of several sentences keeps the periods inside it on their words."""
    text = sentence
    for needs, pattern, replacement in _OPENING_QUOTES:
        if any(c in text for c in needs):
            text = pattern.sub(replacement, text)
    for needs, pattern, replacement in _PUNCTUATION:
        if any(c in text for c in needs):
            text = pattern.sub(replacement, text)
    text = f" {text} "
    for needs, pattern, replacement in _CLOSING_QUOTES:
        if not needs or any(c in text for c in needs):
            text = pattern.sub(replacement, text)
    text = _FUSED.sub(lambda m: " " + " ".join(part for part in m.groups() if part) + " ", text)
    if "'" in text:
        text = _TIS.sub(r" \1 \2 ", text)
    return text.split()
