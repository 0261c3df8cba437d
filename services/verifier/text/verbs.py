"""Finite English verbs and their tense, by dictionary and by the word before.

The dictionary is PyPI's `lemminflect` (MIT): which lemmas a form has, and how verbs inflect. It tells "wicked" from "walked"; what it
leaves open ("drops", "put") is decided by what stands before the word, and is not counted where that does not decide.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Tense = Literal["past", "present"]
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?|[.,;:!?—–()\"“”]|\d+")


def _set(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


_PAST = _set("was were had did wasn't weren't hadn't didn't couldn't wouldn't could would might")
_PRESENT = _set(
    "is are am has have does do isn't aren't hasn't haven't doesn't don't can can't cannot will won't shall i'm you're we're they're "
    "he's she's it's that's there's who's what's here's i've you've we've they've"
)
_AUXILIARIES = (
    _PAST
    | _PRESENT
    | _set(
        "be been being should must may 'd 'll i'll you'll he'll she'll it'll we'll they'll i'd you'd he'd she'd we'd they'd having to"
    )
)
_SINGULAR = _set(
    "he she it who that this everyone everybody nobody someone somebody something nothing everything one another each"
)
_PLURAL = _set("i you we they these those both people many some few others men women children")
_PREPOSITIONS = _set(
    "of in on at by for with from into onto over under through between among behind beside against about without within upon across along "
    "around before after during until than like near past towards toward off"
)
_BEFORE_NOUN = _PREPOSITIONS | _set(
    "a an the my your his her its our their this these those some any no every each all both few many several two three four five six "
    "seven eight nine ten twelve hundred other such what which whose"
)
_LINKS = _set("and or but then nor")


class Word(NamedTuple):
    past: bool
    """As a form of a verb, past tense."""
    participle: bool
    base: bool
    third: bool
    """Present, third person singular."""
    noun: bool
    plural: bool
    other: bool
    """Adjective or adverb."""


@lru_cache(maxsize=20_000)
def _word(form: str) -> Word:
    from lemminflect import getAllInflections, getAllLemmas

    lemmas = getAllLemmas(form)
    tags: set[str] = set()
    for lemma in lemmas.get("VERB", ()):
        tags |= {tag for tag, forms in getAllInflections(lemma, upos="VERB").items() if form in forms}
    nouns = lemmas.get("NOUN", ()) + lemmas.get("PROPN", ())
    plural = bool(nouns) and form not in nouns
    other = "ADJ" in lemmas or "ADV" in lemmas
    return Word("VBD" in tags, "VBN" in tags, "VB" in tags, "VBZ" in tags, bool(nouns), plural, other)


def tenses(text: str) -> tuple[int, int]:
    """Finite verbs in the past and in the present tense. `text` has straight apostrophes."""
    past = present = 0
    tokens = _TOKEN.findall(text)
    last_finite: Tense | None = None
    for i, token in enumerate(tokens):
        lower = token.lower()
        if not token[0].isalpha():
            if token in ".!?;":
                last_finite = None
            continue
        before = tokens[i - 1].lower() if i else "."
        following = tokens[i + 1].lower() if i + 1 < len(tokens) else "."
        # "with soup spoons": a bare noun behind a preposition goes with the next one.
        if i > 1 and tokens[i - 2].lower() in _PREPOSITIONS and _word(lower).plural and before not in _SINGULAR:
            continue
        found = _tense(token, lower, before, tokens[i - 1] if i else ".", following, last_finite)
        if found is None:
            continue
        last_finite = found
        if found == "past":
            past += 1
        else:
            present += 1
    return past, present


def _tense(
    token: str, lower: str, before: str, before_as_written: str, following: str, last: Tense | None
) -> Tense | None:
    if lower in _PAST:
        return "past"
    if lower in _PRESENT:
        return None if before in _AUXILIARIES else "present"
    if before in _AUXILIARIES or before in _BEFORE_NOUN or "'" in lower or len(lower) < 2:
        return None
    word = _word(lower)
    if not (word.past or word.third or word.base):
        return None
    named = before_as_written[0].isupper() and before not in _PLURAL
    singular = before in _SINGULAR or (named and before.isalpha()) or _is_singular_noun(before)
    linked = last is not None and (before in _LINKS or before in ",")
    if word.past and not word.base:
        # "the painted door", "a rose": after an adjective, and before a noun, it is none.
        if (word.other or word.noun) and not (singular or before in _PLURAL or linked or _is_plural_noun(before)):
            return None
        if word.participle and _is_adjective(before) and _word(following).noun:
            return None
        return None if before == "be" else "past"
    if word.third:
        if word.plural and not (singular or linked):
            return None
        if (
            word.plural
            and linked
            and not singular
            and (following in (",", ".", "and", "or", "of") or last != "present")
        ):
            return None
        if word.plural and singular and not named and before not in _SINGULAR and _starts_clause(following):
            return None
        return "present"
    if word.past and word.base:  # put, shut, cut
        if singular:
            return "past"
        return last if linked and following not in (",", ".", "of") else None
    if before in _PLURAL or (
        _is_plural_noun(before) and not word.other and not (word.noun and following in (".", ","))
    ):
        return "present"
    return None


def _is_singular_noun(word: str) -> bool:
    return word.isalpha() and (found := _word(word)).noun and not found.plural and word not in _LINKS


def _is_plural_noun(word: str) -> bool:
    return word.isalpha() and (found := _word(word)).plural and not found.third


def _is_adjective(word: str) -> bool:
    return word.isalpha() and (found := _word(word)).other and not found.noun


def _starts_clause(following: str) -> bool:
    """A finite verb behind a word that may be a plural noun: then that is its subject ("book sales rose")."""
    if following in _PAST or following in _PRESENT:
        return True
    if not following.isalpha():
        return False
    found = _word(following)
    return found.past and not found.base and not found.participle
