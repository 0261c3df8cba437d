"""One response as the checkers see it: every reading (words, sentences, language ...) is made on first use and kept.

Several constraints and both modes look at the same text, and most of the eight loose variants are equal to one another, so
sharing this object is where the verifier's speed comes from.
"""

import re
from functools import cached_property
from string import ascii_letters, digits

import regex

from services.verifier.text import units
from services.verifier.text.blocks import Blocks, blocks_of
from services.verifier.text.folding import as_read, without_hidden
from services.verifier.text.language import detect_language
from services.verifier.text.sentences import split_sentences
from services.verifier.text.speech import Span, speech_spans
from services.verifier.text.words import tokens_of

_WORD_CHARACTERS = ascii_letters + digits + "_"
_OTHERS_TO_SPACES = str.maketrans({chr(i): " " for i in range(128) if chr(i) not in _WORD_CHARACTERS})
# Beyond ASCII `re` splits words at combining vowel signs, which breaks every word of Hindi or Tamil; `regex` follows Unicode, and
# so do the reference checkers, whose tokenizer uses it.
_UNICODE_WORD = regex.compile(r"\w+")
_FOLDS_TO_ASCII = re.compile("[\u0130\u0131\u017f\u212a]")


class Text:
    """A text and its readings. Immutable in meaning: equal raw text, equal answers."""

    def __init__(self, raw: str, prompt: str = "") -> None:
        self.raw = without_hidden(raw)
        self.prompt = prompt

    @cached_property
    def stripped(self) -> str:
        return self.raw.strip()

    @cached_property
    def lower(self) -> str:
        return self.raw.lower()

    @cached_property
    def folds_plainly(self) -> bool:
        """Whether lower-casing finds ASCII words exactly as `re.IGNORECASE` does: four characters fold to i, k or s there."""
        return self.raw.isascii() or not _FOLDS_TO_ASCII.search(self.raw)

    @cached_property
    def lines(self) -> list[str]:
        """Split at newlines only, as `str.split` does: an empty text is one empty line."""
        return self.raw.split("\n")

    @cached_property
    def words(self) -> list[str]:
        r"""Runs of `\w`: "don't" is two words, and a run of Chinese characters is one. IFEval's definition."""
        if self.raw.isascii():
            return self.raw.translate(_OTHERS_TO_SPACES).split()
        return list(_UNICODE_WORD.findall(self.raw))

    @cached_property
    def sentences(self) -> list[str]:
        return split_sentences(self.raw)

    @cached_property
    def plain(self) -> str:
        """As a reader sees it (folding.py): what every checker of our own looks at."""
        return as_read(self.raw)

    @cached_property
    def counted_words(self) -> list[str]:
        """Words as writers count them: "don't" is one, and so is each Chinese character."""
        return units.words(self.plain)

    @cached_property
    def written_sentences(self) -> list[str]:
        """Sentences of English, Chinese or mixed text, as writers count them."""
        return units.sentences(self.plain)

    @cached_property
    def paragraphs(self) -> list[str]:
        """Parts between blank lines, or lines that are paragraphs."""
        return units.paragraphs(self.plain)

    @cached_property
    def blocks(self) -> list[str]:
        """Parts between blank lines."""
        return units.blocks(self.plain)

    @cached_property
    def markdown(self) -> Blocks:
        """Headings, lists, tables and other blocks."""
        return blocks_of(self.plain)

    @cached_property
    def filled_lines(self) -> list[str]:
        """Lines that are not blank, without outer white space."""
        return [line.strip() for line in self.plain.split("\n") if line.strip()]

    @cached_property
    def speeches(self) -> list[Span]:
        """Where characters speak in `plain`."""
        return speech_spans(self.plain)

    @cached_property
    def tokens(self) -> list[str]:
        """Penn-Treebank-style tokens of every sentence, punctuation included."""
        return tokens_of(self.sentences)

    @cached_property
    def language(self) -> str | None:
        """ISO 639-1 code (zh-cn and zh-tw for Chinese), or None where the text has no letters to tell it by."""
        return detect_language(self.raw)


def loose_variants(raw: str) -> list[str]:
    """The texts that IFEval's loose mode tries, in its order, without repeats and blanks.

    As it is; without its first line, its last line, both; each of the four also without asterisks.
    """
    lines = raw.split("\n")
    variants = [raw, raw.replace("*", "")] if "*" in raw else [raw]
    shortened = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    variants += shortened
    if "*" in raw:
        variants += [text.replace("*", "") for text in shortened]
    return [text for text in dict.fromkeys(variants) if text.strip()]
