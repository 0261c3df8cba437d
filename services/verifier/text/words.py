r"""Splits a sentence into words and punctuation marks the way the Penn Treebank does.

Source: the Treebank's tokenisation conventions (R. MacIntyre's sed script), with the later additions of the tokenizer that the
reference checkers call: curly quotes, guillemets, long dashes, asterisks. The order of the rules is part of the definition.
Each rule is skipped when the character that it is about is absent, which is the usual case.
"""

import math
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
_FINAL_PERIOD = {pattern for _, pattern, _ in _PUNCTUATION if pattern.pattern.endswith(r"\s*$")}
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


_FUSED_WORDS = frozenset(["cannot", "gimme", "gonna", "gotta", "lemme", "wanna"])
_MAX_CACHED = 20_000
_inner_tokens: dict[str, list[str]] = {}
_last_tokens: dict[str, list[str]] = {}
_whole_tokens: dict[str, list[str]] = {}
"""Caches of the tokens of one run of non-space characters inside a sentence, at its end, and as a whole sentence: they depend
on the run alone."""


def word_tokens(sentence: str) -> list[str]:
    """Tokens of one sentence; a text of several sentences keeps the periods inside it on their words."""
    runs = sentence.split()
    if runs == [sentence]:
        return _cached(_whole_tokens, sentence, sentence, last=True)
    if len(runs) < 2 or not _separable(sentence):
        return _apply_rules(sentence, last=True)
    tokens = [runs[0]] if _is_plain(runs[0]) else _apply_rules(runs[0] + " ", last=False)
    for run in runs[1:-1]:
        if _is_plain(run):
            tokens.append(run)
        else:
            tokens += _cached(_inner_tokens, run, f" {run} ", last=False)
    run = runs[-1]
    return [*tokens, run] if _is_plain(run) else tokens + _cached(_last_tokens, run, f" {run}", last=True)


class _Capitals(dict[str, float]):
    """Run of non-space characters -> its tokens in capitals, NaN where the run alone cannot tell; filled as runs turn up."""

    def __missing__(self, run: str) -> float:
        if run == run.lower() or _is_one_word(run.rstrip(_AFTER_WORD)):
            found = 0.0
        elif run.count("'") > ("." not in run) or ("." in run and "WANNA" in run.upper()):
            found = math.nan  # "DON'T." is one token within a sentence, and three at its end
        else:
            found = float(sum(map(str.isupper, _apply_rules(f" {run} ", last=False))))
        if len(run) <= 40:
            if len(self) >= _MAX_CACHED:
                self.clear()
            self[run] = found
        return found


def _is_one_word(run: str) -> bool:
    """Whether it is one token, and not in capitals throughout."""
    return run.isalpha() and not run.isupper() and run.lower() not in _FUSED_WORDS


_AFTER_WORD = ".,;:!?)]}"
_capitals = _Capitals()


def capital_tokens(text: str) -> int | None:
    """How many tokens of a text are in capitals. It takes no sentences, since where they end decides about quotation marks and
    periods alone; None for the rare text in which it does not."""
    found = sum(map(_capitals.__getitem__, text.split()))
    return None if math.isnan(found) else int(found)


def _separable(sentence: str) -> bool:
    """Whether each run can be split by itself: the rules for quotes tell a space from other white space."""
    if sentence[0].isspace() or sentence[-1].isspace():
        return False
    if '"' not in sentence and "'" not in sentence:
        return True
    return not _OTHER_SPACE.search(sentence)


_OTHER_SPACE = re.compile(r"[^\S ]")


def _is_plain(run: str) -> bool:
    return run.isalnum() and run.lower() not in _FUSED_WORDS


def _cached(cache: dict[str, list[str]], run: str, text: str, *, last: bool) -> list[str]:
    tokens = cache.get(run)
    if tokens is None:
        tokens = _apply_rules(text, last=last)
        if len(run) <= 40:
            if len(cache) >= _MAX_CACHED:
                cache.clear()
            cache[run] = tokens
    return tokens


def _apply_rules(text: str, *, last: bool) -> list[str]:
    """`last`: the text ends its sentence, so that a final period is split off."""
    for needs, pattern, replacement in _OPENING_QUOTES:
        if any(c in text for c in needs):
            text = pattern.sub(replacement, text)
    for needs, pattern, replacement in _PUNCTUATION:
        if any(c in text for c in needs) and (last or pattern not in _FINAL_PERIOD):
            text = pattern.sub(replacement, text)
    text = f" {text} "
    for needs, pattern, replacement in _CLOSING_QUOTES:
        if not needs or any(c in text for c in needs):
            text = pattern.sub(replacement, text)
    text = _FUSED.sub(lambda m: " " + " ".join(part for part in m.groups() if part) + " ", text)
    if "'" in text:
        text = _TIS.sub(r" \1 \2 ", text)
    return text.split()
