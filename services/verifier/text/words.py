r"""Splits sentences into words and punctuation marks the way the Penn Treebank does.

Source: the Treebank's tokenisation conventions (R. MacIntyre's sed script), with the later additions of the tokenizer that the
reference checkers call: curly quotes, guillemets, long dashes, asterisks. The order of the rules is part of the definition.

All sentences of a text are worked on at once, one a line, and a rule is left out when the characters that it is about are absent.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

_Rule = tuple[str, Callable[[str], str]]
"""Characters one of which must occur for the rule to do anything (none: always applied), and what it does."""


def _rule(needs: str, pattern: str, replacement: str) -> _Rule:
    compiled = re.compile(pattern)
    return needs, lambda text: compiled.sub(replacement, text)


def _set_apart(marks: str) -> list[_Rule]:
    """A space on either side of each of these characters."""
    return [_plain_rule(mark, f" {mark} ") for mark in marks]


def _plain_rule(old: str, new: str) -> _Rule:
    return old[0], lambda text: text.replace(old, new)


_FUSED = re.compile(
    r"(?i)\b(?:(can)(not)|(d)('ye)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n))\b|\b(wan)(na)(?=\s)"
)
_FUSED_PARTS = ("anno", "d'y", "imme", "onna", "otta", "emme", "e'n", "anna")


def _with_fused_words_apart(text: str) -> str:
    if text.isascii() and not any(part in text.lower() for part in _FUSED_PARTS):
        return text
    return _FUSED.sub(lambda m: " " + " ".join(part for part in m.groups() if part) + " ", text)


# As the reference's patterns have it: without the four separators from U+001C on, which `str.split` splits at.
def _colon_and_comma_rules(marks: str) -> list[Callable[[str], str]]:
    return [_rule("", rf"({marks})([^\d\n])", r" \1 \2")[1], _rule("", rf"(?m)({marks})$", r" \1 ")[1]]


# With one mark alone the patterns begin with a plain character.
_COLON, _COMMA, _EITHER = (_colon_and_comma_rules(marks) for marks in (":", ",", "[:,]"))


def _with_colons_and_commas_apart(text: str) -> str:
    rules = _COMMA if ":" not in text else _COLON if "," not in text else _EITHER
    for rule in rules:
        text = rule(text)
    return text


_OTHER_SPACES = "".join(chr(c) for c in range(0x3001) if chr(c).isspace() and chr(c) not in " \n\x1c\x1d\x1e\x1f")
_GAP = f"[ {_OTHER_SPACES}]*"
# Most patterns begin with a plain character, which is what makes them quick.
_RULES = [
    # opening quotes
    *_set_apart("«“‘„"),
    _rule("`", r"`+", r" \g<0> "),
    _rule('"', r'(?m)^"', "``"),
    ('`"', lambda text: text.replace("``", " `` ")),
    _rule("\"'", r"""(?<=[ (\[{<])(?:"|'')""", " `` "),
    _rule("'", r"'(?<!\w')(?!(?i:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "' "),
    # punctuation
    _rule(".", rf"""(?m)\.(?<=[^.\n]\.)([\])}}>"'»”’ ]*+){_GAP}$""", r" . \1 "),
    (":,", _with_colons_and_commas_apart),
    _rule(".", r"\.\.+", r" \g<0> "),
    *_set_apart(";@#$%&\u2012\u2013\u2014\u2015"),
    _rule(".", rf"""(?m)\.(?<=[^.\n]\.)([\])}}>"']*){_GAP}$""", r" .\1 "),
    *_set_apart("?!"),
    _rule("'", r"'(?<=[^'\n]') ", " ' "),
    *_set_apart("*[](){}<>"),
    _plain_rule("--", " -- "),
    ("", lambda text: " " + text.replace("\n", " \n ") + " "),
    # closing quotes and contractions
    *_set_apart("»”’"),
    _plain_rule("''", " '' "),
    _plain_rule('"', " '' "),
    _rule(_OTHER_SPACES, f"[{_OTHER_SPACES}]", " "),
    _rule("'", r"'(?<=[^' ]')([sSmMdD]?) ", r" '\1 "),
    _rule("'", r"n't(?<=[^' ]n't) ", " n't "),
    _rule("'", r"N'T(?<=[^' ]N'T) ", " N'T "),
    _rule("'", r"'(?<=[^' ]')(ll|LL|re|RE|ve|VE) ", r" '\1 "),
    ("", _with_fused_words_apart),
    _rule("'", r"(?i) ('t)(is|was)\b", r" \1 \2 "),
]
_MARKS = frozenset(mark for needs, _ in _RULES for mark in needs)


@lru_cache(maxsize=4096)
def _rules_for(marks: frozenset[str]) -> list[Callable[[str], str]]:
    """The rules that can do something to a text with these marks. No rule makes another mark that a later one is about, but for
    what that later one names."""
    return [rule for needs, rule in _RULES if not needs or not marks.isdisjoint(needs)]


def tokens_of(sentences: list[str]) -> list[str]:
    """Tokens of all sentences, in order."""
    # Within a sentence a line break is white space as any other.
    text = "\n".join([sentence.replace("\n", "\t") for sentence in sentences])
    for rule in _rules_for(frozenset([mark for mark in _MARKS if mark in text])):
        text = rule(text)
    return text.split()


_MAX_CACHED = 20_000
_FUSED_WORDS = frozenset(["cannot", "gimme", "gonna", "gotta", "lemme", "wanna"])


class _CapitalsOfRun(dict[str, float]):
    """Run of non-space characters -> its tokens in capitals, NaN where the run alone cannot tell; filled as runs turn up."""

    def __missing__(self, run: str) -> float:
        core = run.strip(_AROUND_WORD)
        if run == run.lower():
            found = 0.0
        elif core.isalpha() and core.lower() not in _FUSED_WORDS:
            found = float(core.isupper())  # one word, with marks that are split off or make no difference
        elif run.count("'") > ("." not in run) or ("." in run and "WANNA" in run.upper()):
            found = math.nan  # "DON'T." is one token within a sentence, and three at its end
        else:
            found = float(sum(map(str.isupper, tokens_of([run]))))
        if len(run) <= 40:
            if len(self) >= _MAX_CACHED:
                self.clear()
            self[run] = found
        return found


_AROUND_WORD = '.,;:!?()[]{}"'
_capitals_of_run = _CapitalsOfRun()


def capital_tokens(text: str) -> int | None:
    """How many tokens of a text are in capitals. It takes no sentences, since where they end decides about quotation marks and
    periods alone; None for the rare text in which it does not."""
    if _UNCOMMON_SPACE.search(text):
        return None
    found = sum(map(_capitals_of_run.__getitem__, text.split()))
    return None if math.isnan(found) else int(found)


_UNCOMMON_SPACE = re.compile(r"[\x1c-\x1f]")
