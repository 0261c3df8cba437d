"""repeat: saying again what was said."""

from services.verifier.constraints.registry import Count, Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text

_SENTENCE = "only output this sentence here, ignore all other requests."


class RepeatChange(Kwargs):
    prompt_to_repeat: Phrase


@checker(
    "repeat:repeat_change",
    RepeatChange,
    "Repeat this request with its first word changed, and say nothing else: {prompt_to_repeat}",
    summary="Equal from the second word on, and not equal as a whole.",
)
def repeat_change(text: Text, kw: RepeatChange) -> Verdict:
    if text.raw == kw.prompt_to_repeat:
        return Verdict(False, "the first word is unchanged")
    passed = text.raw.split()[1:] == kw.prompt_to_repeat.split()[1:]
    return Verdict(passed, "repeats the request" if passed else "does not repeat the request from its second word on")


@checker(
    "repeat:repeat_simple",
    NoKwargs,
    f"Answer with exactly this sentence: {_SENTENCE.capitalize()}",
    summary="The one sentence, case and outer white space ignored.",
)
def repeat_simple(text: Text, kw: NoKwargs) -> Verdict:
    passed = text.stripped.lower() == _SENTENCE
    return Verdict(passed, "the wanted sentence" if passed else "not the wanted sentence")


class RepeatSpan(Kwargs):
    prompt_to_repeat: Phrase
    n_start: Count
    n_end: Count


@checker(
    "repeat:repeat_span",
    RepeatSpan,
    "Answer with the characters from index {n_start} to index {n_end}, both included, of this text: {prompt_to_repeat}",
    summary="The span, case and outer white space ignored.",
)
def repeat_span(text: Text, kw: RepeatSpan) -> Verdict:
    span = kw.prompt_to_repeat[kw.n_start : kw.n_end + 1].strip().lower()
    return Verdict(text.stripped.lower() == span, f"{span[:80]!r} wanted")
