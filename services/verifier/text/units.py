"""Words, sentences and paragraphs as writers count them, in English, Chinese and mixtures of the two.

IFEval's own readings (`Text.words`, `Text.sentences`) are another matter: they are kept as its reference has them. All of these take
texts as `as_read` gives them.
"""

import re

import regex

from services.verifier.text.sentences import split_sentences
from services.verifier.text.speech import CHINESE_SPEECH_VERB, SPEECH_VERBS

# What is one word although a mark stands in it: addresses of the web and of people, numbers and times, abbreviations.
_ADDRESS = r"https?://[^\s<>()\"，。！？；、）]*[\w/]|www\.[\w.-]+\w(?:/[\w./?&=#%+-]*[\w/])?|(?<![\w.+@-])[\w.+-]{1,64}+@\w[\w.-]{0,250}\w"
_NUMBER = r"(?<![^\W_])[vV]\d++(?:\.\d++)++|(?<!\d)\d++(?:[.,:/]\d++)++(?![^\W\d_])"
_ABBREVIATION = r"(?<![\w.])(?:[A-Za-z]\.){2,}(?:[A-Za-z](?!\w))?"
# Runs of letters and digits, joined by apostrophes and hyphens: "don't" and "well-known" are one word each.
_ASCII_WORD = re.compile(rf"{_ADDRESS}|{_NUMBER}|{_ABBREVIATION}|[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*", re.ASCII)
# Chinese characters and kana count one by one, as their writers count.
_ONE_BY_ONE = r"\p{Han}\p{Hiragana}\p{Katakana}"
_WORD = regex.compile(
    rf"[{_ONE_BY_ONE}]|{_ADDRESS}|{_NUMBER}|{_ABBREVIATION}"
    rf"|[[\p{{L}}\p{{N}}]--[{_ONE_BY_ONE}]][[\p{{L}}\p{{M}}\p{{N}}]--[{_ONE_BY_ONE}]]*"
    rf"(?:['’\-‐‑][[\p{{L}}\p{{M}}\p{{N}}]--[{_ONE_BY_ONE}]]+)*",
    regex.V1,
)
_MARKED = re.compile(r"[.,:@/][A-Za-z0-9]")
_PLAIN_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*")
_LONGEST_CHAIN = 6
"""Parts that hyphens make one word: "jack-of-all-trades-and-masters". A longer chain is a sentence in disguise, and counts by parts."""
HAN = regex.compile(r"\p{Han}")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_ENDS_WITHIN = re.compile(r"(?<=[a-z])[.!?](?=[\"”’)]* [A-Z])|[。！？](?=.)")
_INLINE_MARKS = re.compile(r"^[^\S\n]*(?:#{1,6}|[*+-]|\d{1,3}[.)]|>)[^\S\n]+", re.MULTILINE)
_HEADING_OR_RULE = re.compile(r"[^\S\n]*(?:#{1,6}[^\S\n][^\n]*|(?:[-*_=~·•#][^\S\n]*){3,}|[^\w\n]{1,9})")
_CLOSING = "\"'”’」』）)»›*_] "
_FULL_STOPS = frozenset(".!?…。！？")
_STOPS = _FULL_STOPS | {"；", ";"}
_ENDS = ".!?…。！？:：;；~—"
_WIDE_END = re.compile(r"(?:[。！？?!]|(?:…+|\.{3,})(?=[”」』]*\s*(?:$|\n|[“「『])))[。！？…?!]*[”’」』）)\"']*")
_LETTERS = re.compile(r"[A-Za-z]+")
_GOES_ON = re.compile(
    r"(?:^|[\s(\"'“‘])(?:e\.g|i\.e|cf|vs|viz|[Nn]os?(?=\.\s*$)|Fig|Figs|pp?|Ch|Vol|Capt|Rev|Hon|Mr|Mrs|Ms|Dr|St|Prof|Gen|Col|Lt|Sgt|Messrs|Mme|Mlle|approx|ca)\.$"
)
_LONGEST_END = 16
"""Characters at a sentence's end in which its last abbreviation stands, with the character before it."""
_AFTER_NUMBER_SIGN = re.compile(r"[\dA-ZIVX]")
_PLAIN_END = re.compile("[.?!]")
_CLOSES_SPEECH = "”’」』"
_WISH = re.compile("祝[^，。！!]{1,12}[！!]|(?:此致)?敬礼[！!]|(?:[A-Z]\\. ?){1,3}")
"""Closes a letter: a wish, or initials."""
_AFTER_BREAK = re.compile(r"(?:(?<=\w\.\.\.)|(?<=\w…)) (?=[A-Z][a-z]+ )|(?:(?<=—[\"”])|(?<=--\")) (?=[\"“])", re.ASCII)
_AFTER_TIME = re.compile(
    r"(?<=\d [apAP]\.m\.) (?=[A-Z])(?!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|[A-Z]{2,4}\b)"
)
_INITIAL = re.compile(r"(?:^|[\s.(\"“])[A-Z]\.$")


def words(text: str) -> list[str]:
    if text.isascii():
        found = (_ASCII_WORD if _MARKED.search(text) else _PLAIN_ASCII_WORD).findall(text)
    else:
        found = _WORD.findall(text)
    if text.count("-") >= _LONGEST_CHAIN and any(
        word.count("-") >= _LONGEST_CHAIN for word in found if len(word) > 2 * _LONGEST_CHAIN
    ):
        return [
            part for w in found for part in (w.split("-") if w.count("-") >= _LONGEST_CHAIN and "/" not in w else [w])
        ]
    return list(found)


def blocks(text: str) -> list[str]:
    """Parts between blank lines."""
    return [part for part in _BLANK_LINES.split(text.strip()) if part.strip()]


def paragraphs(text: str) -> list[str]:
    """Parts between blank lines, and lines that each end a sentence. Headings, rules, and the title, salutation and closing of a
    letter are none, where there is anything else."""
    parts = [part for block in blocks(text) for part in _parts(block)]
    parts = [part for part in parts if not _HEADING_OR_RULE.fullmatch(part.strip())] or parts
    return [part for part in parts if not _is_label(part)] or parts


def _parts(block: str) -> list[str]:
    """The block, or its lines where these are paragraphs: in Chinese, and where nearly every one ends with a full stop."""
    lines = [line for line in block.split("\n") if line.strip()]
    if len(lines) < 2 or any(line.strip()[:1].islower() for line in lines[1:]):
        return [block]
    body = lines[1:] if _is_label(lines[0]) else lines
    while len(body) > 1 and len(lines) - len(body) < 3 and _is_label(body[-1]):
        body = body[:-1]
    whole = sum(_ends_sentence(line) for line in body)
    indented = sum(line.startswith("　　") for line in body)
    return lines if whole >= 0.8 * len(body) or indented >= 0.8 * len(body) else [block]


def _ends_sentence(line: str) -> bool:
    return line.rstrip(_CLOSING)[-1:] in _FULL_STOPS


def _is_label(part: str) -> bool:
    """A short line without an end: a title, "Dear Anna," or "Yours, Tom"."""
    lines = [line.strip() for line in part.split("\n") if line.strip()]
    if len(lines) > 3:
        return False
    for line in lines:
        if _WISH.fullmatch(line):
            continue
        end = line.rstrip(_CLOSING)[-1:]
        if end in _STOPS and not _is_abbreviation(line):
            return False
        most = 9 if line.isascii() or not HAN.search(line) else 16
        # Counting words takes time, and a much longer line has too many of them, one of fewer characters too few.
        if len(line) > most and (len(line) > 30 * most or len(words(line)) > most):
            return False
        if _holds_an_end(line):
            return False
    return True


def _holds_an_end(line: str) -> bool:
    """Whether a sentence ends within it, as in "Read this first. Then:"."""
    return any(
        not _is_abbreviation(line[: match.start() + 1])
        and _INITIAL.search(line[max(0, match.start() - 2) : match.start() + 1]) is None
        for match in _ENDS_WITHIN.finditer(line)
    )


def _is_abbreviation(line: str) -> bool:
    return _GOES_ON.search(line[-_LONGEST_END:]) is not None


def sentences(text: str) -> list[str]:
    """Of English, Chinese or mixed text. What is said and who says it are one sentence; labels as in `paragraphs` are none."""
    found: list[str] = []
    for paragraph in paragraphs(text):
        parts: list[str] = []
        plain = without_markup(paragraph).strip()
        for sentence in split_sentences(plain) if _PLAIN_END.search(plain) else [plain] if plain else []:
            for part in _cut_again(sentence) if sentence.isascii() else _cut_wide(sentence):
                if parts and part[0] in _CLOSES_SPEECH:
                    # A splitter of English cuts before the mark where no space follows it.
                    rest = part.lstrip(_CLOSES_SPEECH)
                    parts[-1] += part[: len(part) - len(rest)]
                    part = rest.strip()
                    if not part:
                        continue
                if parts and (_LETTER_OR_DIGIT.search(part) is None or _continues(parts[-1], part)):
                    parts[-1] += (" " if part.isascii() else "") + part
                elif _LETTER_OR_DIGIT.search(part):
                    parts.append(part)
        found += parts
    return found


def _cut_again(sentence: str) -> list[str]:
    """A capital behind "5 p.m." begins a sentence, unless it is a day's or a month's, and one behind an ellipsis does, and a speech
    behind one that breaks off."""
    parts = [part for part in _AFTER_TIME.split(sentence) if part] if ".m. " in sentence else [sentence]
    if "..." in sentence or "…" in sentence or "-" in sentence or "—" in sentence:
        parts = [piece for part in parts for piece in _AFTER_BREAK.split(part) if piece]
    return parts


def _cut_wide(sentence: str) -> list[str]:
    parts, start = [], 0
    for match in _WIDE_END.finditer(sentence):
        parts.append(sentence[start : match.end()].strip())
        start = match.end()
    parts.append(sentence[start:].strip())
    return [piece for part in parts if part for piece in _cut_again(part)]


def _continues(before: str, part: str) -> bool:
    """Whether a part that a splitter has cut off goes on with the sentence before."""
    if before[-1] in "\"”’'»」』":
        # Who spoke follows a comma; behind a full stop within the marks a capital begins a sentence.
        if before[-2:-1] == "." and part[0].isupper():
            return False
        return _is_attribution(part)
    if part[0] in "-–—" and part.lstrip("-–— ")[:1].islower():
        return True
    if part[0].islower() or part.startswith(("I ", "I'", "I’")):
        return before[-1] == "…" or before.endswith("...") or (part[0].islower() and before[-1] == ".")
    if _GOES_ON.search(before[-_LONGEST_END:]):
        return not before.lower().endswith(("no.", "nos.")) or _AFTER_NUMBER_SIGN.match(part) is not None
    return _INITIAL.search(before[-3:]) is not None and part[0].isupper() and len(before) > 2


_NOBODY = ("没有人", "没人", "无人", "谁也")
"""Where nobody speaks, nobody has spoken."""


def _is_attribution(part: str) -> bool:
    """Whether a sentence says who spoke: "she said", "Piet whispered", 老人说."""
    if HAN.match(part):
        clause = re.split("[，。！？：；,“「]", part)[0]
        if clause.startswith(_NOBODY):
            return False
        return len(clause) <= 16 and CHINESE_SPEECH_VERB.search(clause) is not None
    first = _LETTERS.findall(part[:60])[:5]
    if not first:
        return False
    return part[0].islower() or any(word in SPEECH_VERBS for word in first[:4])


def without_markup(text: str) -> str:
    """Without Markdown's signs for headings, bullets, quotes and emphasis."""
    return _INLINE_MARKS.sub("", text).replace("**", "").replace("__", "").replace("*", "")
