"""punctuation: commas."""

import re
from itertools import islice

from services.verifier.constraints.registry import MAX_SPANS, NoKwargs, Verdict, checker
from services.verifier.text import Text

_COMMA = re.compile(",")


@checker("punctuation:no_comma", NoKwargs, "Do not use any comma.", summary="No ASCII comma.")
def no_comma(text: Text, kw: NoKwargs) -> Verdict:
    found = text.raw.count(",")
    if not found:
        return Verdict(True, "no comma")
    spans = tuple(m.span() for m in islice(_COMMA.finditer(text.raw), MAX_SPANS))
    return Verdict(False, "1 comma" if found == 1 else f"{found} commas", spans)
