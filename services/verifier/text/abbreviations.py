"""Word lists for splitting sentences.

Written for this project out of common knowledge, then trimmed so that decisions agree with the reference splitter's English
model, which learnt from newspapers: it knows titles, company forms, months and American states, and neither "e.g." nor "etc.".
"""


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


_TITLES = "mr mrs ms dr prof messrs gen col lt maj adm sen rep reps jr sr st ph.d m.b.a"
_COMPANIES = "co cos corp inc ltd bros"
_TIMES = "jan feb aug sep sept oct nov dec tues wed fri a.m p.m a.d yr"
_STATES = "ala ariz calif colo conn fla ga ill kan ky mich minn nev okla ore pa tenn va vt wash wis"
_PLACES = "u.s u.k u.n u.s.a u.s.s.r d.c l.a n.c n.d n.h n.j n.m n.y r.i s.c w.va"
_OTHER = "ave ct ft vs ok j.k j.r"
ABBREVIATIONS = _words(f"{_TITLES} {_COMPANIES} {_TIMES} {_STATES} {_PLACES} {_OTHER}")
"""Lower case, without the last period."""

LABEL_LETTERS = frozenset("abioquxyz")
"""Single letters that mostly label something ("plan B.", "A. Overview", "the variable x."); the others stand for a name."""

SENTENCE_STARTERS = _words(
    # determiners and pronouns
    "the this these there some many most both he it they i "
    # conjunctions and prepositions
    "although though while when whenever since if but yet nor so because unless whereas in under despite among during throughout "
    # adverbs that link sentences
    "however indeed instead moreover meanwhile nevertheless nonetheless similarly separately thus even furthermore therefore "
    "consequently additionally likewise accordingly subsequently otherwise hence"
)
"""Words whose capital, after an abbreviation or an ellipsis, tells that a sentence starts. Words that often open a quotation
("We", "You", "Do", "What") tell nothing: newspapers write them with a capital in the middle of a sentence."""
