"""Word lists for splitting sentences.

Written for this project out of common knowledge, then trimmed so that decisions agree with the reference splitter's English
model, which learnt from newspapers: it knows titles, company forms, months and American states, and neither "e.g." nor "etc.".
"""


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


_TITLES = "mr mrs ms dr prof messrs gen col lt maj adm sen rep reps jr sr st ph.d m.b.a"
_COMPANIES = "co cos corp inc ltd bros b.v s.a s.p.a"
_TIMES = "jan feb aug sep sept oct nov dec tues wed fri a.m p.m yr"
_STATES = "ala ariz calif colo conn fla ga ill kan ky mich minn nev okla ore pa tenn va vt wash wis w.va"
_OTHER = "ave ct ft vs ok u.s.a u.s.s.r"
ABBREVIATIONS = _words(f"{_TITLES} {_COMPANIES} {_TIMES} {_STATES} {_OTHER}")
"""Lower case, without the last period. Two letters with a period between them ("u.s", "j.r") are abbreviations by rule."""

NOT_ABBREVIATIONS = _words("e.g i.e")
"""Two letters that the reference does not take for an abbreviation."""

WORD_LETTERS = frozenset("abijoquxyz")
"""Single letters that end sentences ("plan B.", "and I.") more often than they stand for a name."""

SENTENCE_STARTERS = _words(
    "a about above across after again against all almost along already also although always among an another any anyone anything are "
    "around as at because been before being below between beyond both but by can cannot could despite did do does during each either "
    "else even every everyone everything few for from had has have having he her here his how however i if in indeed instead into is it "
    "its itself just later least less let like many may maybe me meanwhile might more moreover most much must my near neither never "
    "nevertheless next nobody none nonetheless nor not nothing now of off often on once only onto or other our out over own perhaps "
    "please rather said same separately she should similarly simply since so some someone something sometimes soon still such than that "
    "the their them then there therefore these they this though through thus to together too toward under until up upon very was we "
    "were what whatever when where whether which while who whose why will with within without would yet you your"
)
"""Words whose capital, after an abbreviation or an ellipsis, tells that a sentence starts."""
