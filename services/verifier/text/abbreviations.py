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

LABEL_LETTERS = frozenset("abijoquxyz")
"""Single letters that may label something ("Plan B.", "A. Overview", "the variable x.") and not only stand for a name. J mostly
does stand for one."""

DAYS_AND_MONTHS = _words(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october "
    "november december"
)

SENTENCE_STARTERS = _words(
    # determiners and pronouns
    "the this these there some many most both he it they i "
    "your my mine his her hers him himself herself myself yourself ourselves themselves them us ours neither either such same "
    "whom which whichever someone anyone anything anybody nothing "
    # conjunctions and prepositions
    "although though while when whenever since if but yet nor so unless whereas in under despite among throughout "
    "into along above between beyond behind inside within without through "
    # adverbs that link sentences
    "however indeed instead moreover meanwhile nevertheless nonetheless similarly separately thus even furthermore therefore "
    "likewise accordingly subsequently otherwise hence finally always sometimes soon still very yes here yesterday tomorrow "
    # auxiliaries
    "does doing being were hadn shouldn need wish "
    # what instructions and steps begin with
    "add address adopt aim allow apply approach arrange ask assign assume avoid begin believe break build calculate call carry check "
    "choose collect combine compare complete conduct confirm consider contact contribute create decide define deliver demonstrate "
    "determine develop discover discuss display draft draw eat employ enable encourage engage enhance enjoy ensure establish evaluate "
    "examine example examples exercise expand explain extend extract fill finish fix follow generate guess handle hear highlight hold "
    "ignore important improve include inform inspect install integrate invest learn listen locate location maintain manage match "
    "mention mix modify note observe obtain operate pack paint pause perform phone pick play please practice prepare present prevent "
    "protect prove provide pull put question realize receive recognize recommend refer reflect remember remind remove replace reply "
    "represent require respect respond result reveal schedule section seem select send serve shift sing sit skip solve speak specify "
    "spend stand step submit suggest suppose teach thank think throw train translate treat try turn understand utilize wait walk wear "
    "welcome contents conclusion"
)
"""Words whose capital, after an abbreviation or an ellipsis, tells that a sentence starts. Words that often open a quotation or a
name in newspapers ("We", "You", "Do", "What", "Because") tell nothing: they are written with a capital in mid-sentence, too."""
