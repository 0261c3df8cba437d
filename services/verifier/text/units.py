"""Words, sentences and paragraphs as writers count them, in English, Chinese and mixtures of the two.

IFEval's own readings (`Text.words`, `Text.sentences`) are another matter: they are kept as its reference has them.
"""

import re

import regex

# Runs of letters and digits, joined by apostrophes and hyphens: "don't" and "well-known" are one word each.
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*")
# Chinese characters and kana count one by one, as their writers count.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}]"
    r"|[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+(?:['’\-‐][[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+)*",
    regex.V1,
)
HAN = regex.compile(r"\p{Han}")
_WIDE_SENTENCE = re.compile(r"[^。！？…]+[。！？…]*[”’」』）\"']*")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_INLINE_MARKS = re.compile(r"^[^\S\n]*(?:#{1,6}|[*+-]|\d{1,3}[.)]|>)[^\S\n]+", re.MULTILINE)


def words(text: str) -> list[str]:
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return list(pattern.findall(text))


def paragraphs(text: str) -> list[str]:
    """Parts between blank lines."""
    return [part for part in _BLANK_LINES.split(text.strip()) if part.strip()]


def wide_sentences(sentences: list[str]) -> list[str]:
    """English sentences, cut again at Chinese and Japanese sentence marks; those without a letter or digit are left out."""
    found: list[str] = []
    for sentence in sentences:
        parts = [sentence] if sentence.isascii() else _WIDE_SENTENCE.findall(sentence)
        found += [part.strip() for part in parts if _LETTER_OR_DIGIT.search(part)]
    return found


def without_markup(text: str) -> str:
    """Without Markdown's signs for headings, bullets, quotes and emphasis."""
    return _INLINE_MARKS.sub("", text).replace("**", "").replace("__", "").replace("*", "")
