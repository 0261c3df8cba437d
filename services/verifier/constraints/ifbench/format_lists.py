"""format: lists and bullets."""

from services.verifier.constraints.registry import Kwargs, NoKwargs, Phrase, Verdict, checker
from services.verifier.text import Text
from services.verifier.text.sentences import split_sentences


class List(Kwargs):
    sep: Phrase


@checker(
    "format:list",
    List,
    "Answer with a list whose items are marked with {sep} in place of bullets.",
    summary="The marker occurs at least twice.",
)
def list_marked(text: Text, kw: List) -> Verdict:
    found = text.raw.count(kw.sep)
    return Verdict(found >= 2, f"{kw.sep} occurs {found} times, at least 2 wanted")


@checker(
    "format:sub-bullets",
    NoKwargs,
    "Use bullet points marked with * and under each at least one sub-bullet marked with -",
    summary="After every asterisk and before the next there is a dash; a response without asterisks passes, as in the reference.",
)
def sub_bullets(text: Text, kw: NoKwargs) -> Verdict:
    parts = text.raw.split("*")[1:]
    passed = all("-" in part for part in parts)
    return Verdict(passed, "every bullet has a sub-bullet" if passed else "a bullet without a sub-bullet")


@checker(
    "format:no_bullets_bullets",
    NoKwargs,
    "Write at least two sentences that end in a period, and then at least two bullet points marked with *",
    summary="Lines of sentences, then only lines that begin with an asterisk; a blank line ends the sentences, as in the reference.",
)
def sentences_then_bullets(text: Text, kw: NoKwargs) -> Verdict:
    sentences, bullets, prose = 0, 0, True
    for line in text.lines:
        if line.strip().startswith("*"):
            prose = False
            if sentences < 2:
                return Verdict(False, f"{sentences} sentences before the first bullet, at least 2 wanted")
            bullets += 1
        elif prose:
            found = len(split_sentences(line.strip()))
            prose = found > 0
            sentences += found
        else:
            return Verdict(False, "text after a blank line or a bullet that is not a bullet")
    return Verdict(bullets >= 2, f"{bullets} bullets, at least 2 wanted")
