"""combination: the response as a whole, made of parts."""

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text

_SEPARATOR = "******"


class RepeatPrompt(Kwargs):
    prompt_to_repeat: Phrase


@checker(
    "combination:repeat_prompt",
    RepeatPrompt,
    "Begin by repeating this request word for word, and answer after it: {prompt_to_repeat}",
    summary="Starts with the given request; case and outer white space are ignored.",
)
def repeat_prompt(text: Text, kw: RepeatPrompt) -> Verdict:
    passed = text.stripped.lower().startswith(kw.prompt_to_repeat.strip().lower())
    return Verdict(passed, "starts with the request" if passed else "does not start with the request, word for word")


@checker(
    "combination:two_responses",
    NoKwargs,
    "Give two different responses, separated by six asterisks: ******",
    summary="Exactly two different parts around ******; an empty part is allowed only first or last.",
)
def two_responses(text: Text, kw: NoKwargs) -> Verdict:
    parts = text.raw.split(_SEPARATOR)
    filled = [part.strip() for part in parts if part.strip()]
    if any(not part.strip() for part in parts[1:-1]):
        return Verdict(False, "an empty part between two separators")
    if len(filled) != 2:
        return Verdict(False, f"{len(filled)} parts around {_SEPARATOR}, 2 wanted")
    return Verdict(filled[0] != filled[1], "two different parts" if filled[0] != filled[1] else "both parts are equal")
