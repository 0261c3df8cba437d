"""Word lists for splitting sentences, written for this project.

What decides whether a list should name a word is how the reference behaves: its English model was trained on newspaper text
of the 1980s, so it knows company forms, months, titles and American states, and neither "e.g." nor "etc.".
"""

from string import ascii_lowercase


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


_TITLES = "mr mrs ms dr prof messrs gen col lt maj adm sen rep reps jr sr st ph.d m.b.a"
_COMPANIES = "co cos corp inc ltd bros cie b.v n.v s.a s.p.a a.g"
_MONTHS_AND_DAYS = "jan feb aug sep sept oct nov dec tues wed fri a.m p.m"
_STATES = (
    "ala ariz calif colo conn fla ga ill kan ky mich minn nev okla ore pa tenn va vt wash wis w.va "
    "n.c n.d n.h n.j n.m n.y r.i s.c d.c l.a"
)
_COUNTRIES = "u.s u.s.a u.k u.n u.s.s.r"
_OTHER = "ave chg ct ft mg ok sw vs yr a.d"
_INITIAL_PAIRS = (
    "a.a a.c a.h a.s a.t b.f c.v d.h d.w e.f e.h e.l e.m f.g f.j g.d g.f g.k h.c h.f h.m j.b j.c j.j j.k j.p j.r "
    "l.f l.p m.j p.a.m r.a r.h r.j r.k r.t s.g s.s t.j w.c w.r w.w"
)
ABBREVIATIONS = _words(
    f"{_TITLES} {_COMPANIES} {_MONTHS_AND_DAYS} {_STATES} {_COUNTRIES} {_OTHER} {_INITIAL_PAIRS}"
) | frozenset(
    # Single letters, but for those that mostly end a sentence ("vitamin A.", "plan B.", "and I.").
    [c for c in ascii_lowercase if c not in "abijoquxyz"]
)
"""Lower case, without the last period."""

SENTENCE_STARTERS = _words(
    "although among both but despite even he however i if in indeed instead it many meanwhile moreover most nevertheless "
    "nonetheless nor separately similarly since so some the there these they this though thus under when while yet "
    "according sales"
)
"""Words that, capitalised after an abbreviation or an ellipsis, start a sentence."""

COMMON_LOWERCASE = _words(
    "a about above across after again against all almost along already also always an another any anyone anything are around as at "
    "be because been before being below between beyond by can cannot could did do does during each either else every everyone "
    "everything few for from had has have having here how into is its itself just later least less let like may maybe me might more "
    "much must my near neither never next nobody none not nothing now of off often on once only onto or other our out over own perhaps "
    "please rather said same she should simply someone something sometimes soon still such than that their them then therefore "
    "through to together too toward until up upon us very was we were what whatever where whether which who whose why will with "
    "within without would you your his her him"
)
"""Words that are capitalised only where a sentence starts."""
