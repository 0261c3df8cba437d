"""startend: how the response begins and ends."""

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text


class EndChecker(Kwargs):
    end_phrase: Phrase


@checker(
    "startend:end_checker",
    EndChecker,
    "End the response with exactly this phrase and nothing after it: {end_phrase}",
    summary="Ends with the phrase; case, outer white space and outer double quotes are ignored.",
)
def end_checker(text: Text, kw: EndChecker) -> Verdict:
    passed = text.stripped.strip('"').lower().endswith(kw.end_phrase.strip().lower())
    return Verdict(passed, "ends with the phrase" if passed else f"ends with {text.stripped[-60:]!r}")


@checker(
    "startend:quotation",
    NoKwargs,
    "Put the whole response in double quotation marks.",
    summary="The first and last characters are straight double quotes.",
)
def quotation(text: Text, kw: NoKwargs) -> Verdict:
    value = text.stripped
    passed = len(value) > 1 and value[0] == '"' and value[-1] == '"'
    return Verdict(passed, "in double quotation marks" if passed else "not in double quotation marks")
