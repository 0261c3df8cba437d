"""punctuation: commas."""

from services.verifier.constraints.registry import NoKwargs, Verdict, checker
from services.verifier.text import Text


@checker("punctuation:no_comma", NoKwargs, "Do not use any comma.", summary="No ASCII comma.")
def no_comma(text: Text, kw: NoKwargs) -> Verdict:
    found = text.raw.count(",")
    return Verdict(found == 0, ("1 comma" if found == 1 else f"{found} commas") if found else "no comma")
