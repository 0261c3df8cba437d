"""format: brackets, quotes, options, lines, case, white space, templates, italics."""

import re

import emoji

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.english import EDGE, PUNCTUATION, without_punctuation

_PAIRS = {")": "(", "]": "[", "}": "{"}
_LETTERED = re.compile(r"\W*[aA]\W*[bB]\W*[cC]")
_AROUND_QUOTES = "0123456789!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@checker(
    "format:parentheses",
    NoKwargs,
    "Nest parentheses, [brackets] and {{braces}} at least five levels deep.",
    summary="Five levels of which at least one is closed correctly; a wrong closing starts over.",
)
def parentheses(text: Text, kw: NoKwargs) -> Verdict:
    levels: list[str] = []
    deepest = 0
    for char in text.raw:
        if char in "([{":
            levels.append(char)
            deepest = max(deepest, len(levels))
        elif char in _PAIRS:
            if levels and levels[-1] == _PAIRS[char]:
                levels.pop()
                if deepest >= 5:
                    return Verdict(True, f"nested {deepest} levels deep")
            else:
                levels, deepest = [], 0
    return Verdict(False, "no five levels of brackets")


@checker(
    "format:quotes",
    NoKwargs,
    "Put quotes within quotes within quotes, with double and single marks in turn.",
    summary="Three levels of straight quotes, closed again; an apostrophe counts as a quote.",
)
def quotes(text: Text, kw: NoKwargs) -> Verdict:
    levels: list[str] = []
    deepest = 0
    for char in text.raw:
        if levels and char == levels[-1]:
            levels.pop()
            if deepest - len(levels) >= 3:
                return Verdict(True, "three levels of quotes")
        elif char in "\"'":
            levels.append(char)
            deepest = max(deepest, len(levels))
    return Verdict(False, "no three levels of quotes")


class Options(Kwargs):
    options: Phrase


@checker(
    "format:options",
    Options,
    "Answer with one of these options and nothing else: {options}",
    summary="Nothing but one of the options; lettered ones must match exactly, others may differ in case and outer punctuation.",
)
def options(text: Text, kw: Options) -> Verdict:
    """The options are split at slashes, else at "or", else at commas."""
    separator = "/" if "/" in kw.options else "or" if "or" in kw.options else ","
    allowed = [option.strip() for option in kw.options.split(separator)]
    if _LETTERED.match(kw.options):
        passed = text.raw in allowed
    else:
        answer = text.raw.strip(EDGE).lower()
        passed = any(option.strip(EDGE).lower() == answer for option in allowed)
    return Verdict(passed, "one of the options" if passed else f"not one of: {' | '.join(allowed)[:100]}")


@checker(
    "format:newline",
    NoKwargs,
    "Write each word on a line of its own.",
    summary="As many lines as words, empty lines and punctuation left out.",
)
def newline(text: Text, kw: NoKwargs) -> Verdict:
    value = without_punctuation(text.raw).strip()
    lines = sum(1 for line in value.split("\n") if line)
    words = len(value.split())
    return Verdict(lines == words, f"{words} words on {lines} lines")


@checker(
    "format:emoji",
    NoKwargs,
    "End every sentence with an emoji.",
    summary="One of the last two characters of each sentence, or the first of the next one, is an emoji.",
)
def emojis(text: Text, kw: NoKwargs) -> Verdict:
    cores = [sentence.translate(PUNCTUATION).strip() for sentence in text.sentences]
    for i, core in enumerate(cores):
        if not core:
            return Verdict(False, f"sentence {i + 1} has no text")
        following = cores[i + 1] if i + 1 < len(cores) else ""
        if not any(emoji.is_emoji(c) for c in core[-2:]) and not (following and emoji.is_emoji(following[0])):
            return Verdict(False, f"no emoji ends sentence {i + 1}")
    return Verdict(True, "an emoji ends every sentence")


@checker(
    "format:line_indent",
    NoKwargs,
    "Indent each line further than the line before it.",
    summary="Spaces before each line grow strictly; of neighbouring blank lines only every other one is left out, as in the reference.",
)
def line_indent(text: Text, kw: NoKwargs) -> Verdict:
    indents = [len(line) - len(line.lstrip(" ")) for line in _without_some_blanks(text.lines)]
    for i in range(len(indents) - 1):
        if indents[i + 1] <= indents[i]:
            return Verdict(False, f"line {i + 2} is indented by {indents[i + 1]} spaces, more than {indents[i]} wanted")
    return Verdict(True, "every line is indented further")


def _without_some_blanks(lines: list[str]) -> list[str]:
    """What is left when equal lines are removed from a list while it is walked: the first equal line goes, the next line is
    not looked at."""
    removed: dict[str, int] = {}
    at = 0
    while at < len(lines):
        blank = not lines[at].strip()
        if blank:
            removed[lines[at]] = removed.get(lines[at], 0) + 1
        at += 2 if blank else 1
    kept = []
    for line in lines:
        if removed.get(line, 0):
            removed[line] -= 1
        else:
            kept.append(line)
    return kept


@checker(
    "format:quote_unquote",
    NoKwargs,
    "Follow every quoted phrase with an unquoted explanation.",
    summary="Straight quotes: no quotation directly after another, none at the end; digits and punctuation do not count as text.",
)
def quote_unquote(text: Text, kw: NoKwargs) -> Verdict:
    value = "".join(text.raw.replace("'\"'", "").split())
    if '""' in value:
        return Verdict(False, "two quotation marks with nothing between them")
    passed = not value.strip(_AROUND_QUOTES).endswith('"')
    return Verdict(passed, "every quotation is explained" if passed else "ends with a quotation")


@checker(
    "format:thesis",
    NoKwargs,
    "Begin each section with a thesis statement in italics, marked in HTML (<i> or <em>).",
    summary="An <i> or <em> that is not empty, with text after it.",
)
def thesis(text: Text, kw: NoKwargs) -> Verdict:
    start = text.raw.find("<i>")
    if start < 0:
        start = text.raw.find("<em>")
    if start < 0:
        return Verdict(False, "no <i> or <em>")
    value = text.raw[start:]
    end = value.find("</i>")
    if end < 0:
        end = value.find("</em>")
    if end < 0 or not value[3:end].strip():
        return Verdict(False, "the italics are empty or not closed")
    passed = bool(value[end + 4 :].strip())
    return Verdict(passed, "a thesis in italics, with text after it" if passed else "no text after the thesis")


@checker(
    "format:title_case",
    NoKwargs,
    "Write the whole response in title case.",
    summary="No token begins with a small letter and goes on in one case; mixed words are let pass.",
)
def title_case(text: Text, kw: NoKwargs) -> Verdict:
    for token in text.tokens:
        if token[0].islower() and (len(token) == 1 or token[1:].islower() or token[1:].isupper()):
            return Verdict(False, f"{token[:40]!r} is not in title case")
    return Verdict(True, "title case throughout")


@checker(
    "format:output_template",
    NoKwargs,
    "Use this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
    summary="The three labels occur, in any order.",
)
def output_template(text: Text, kw: NoKwargs) -> Verdict:
    missing = [label for label in ("My Answer:", "My Conclusion:", "Future Outlook:") if label not in text.raw]
    return Verdict(not missing, f"missing: {', '.join(missing)}" if missing else "every label found")


@checker("format:no_whitespace", NoKwargs, "Use no white space at all.", summary="Not one white-space character.")
def no_whitespace(text: Text, kw: NoKwargs) -> Verdict:
    passed = len(text.raw.split(maxsplit=1)) <= 1 and text.stripped == text.raw
    return Verdict(passed, "no white space" if passed else "white space found")
