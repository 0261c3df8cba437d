"""Golden verdicts: a judge answers only after it has told apart what nobody could mistake.

A model that says "met" to everything, one whose chat template is missing, one that cannot keep to the form: each shows here at once,
and would show in a run only as a strange pass rate. Short, so that a small judge can answer them; met and violated in equal
number, so that one answer to everything is wrong half of the time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rlmr.wire import Status
from services.verifier.judge.endpoint import JudgeFailure


@dataclass(frozen=True, slots=True)
class GoldenItem:
    name: str
    prompt: str
    constraint: str
    response: str
    met: bool


_SEA = ("Write two sentences about the sea.", "The text is about the sea.")
_DOG = ("Write two sentences about a walk.", "A dog occurs in the text.")
_WINTER = ("写两句话，描写一个季节。", "文章写的是冬天。")
_CAT = ("写两句话，描写窗台。", "文章中出现了一只猫。")

ITEMS = (
    GoldenItem("sea, met", *_SEA, "Waves broke on the rocks all night. By morning the sea lay calm and grey.", True),
    GoldenItem("sea, violated", *_SEA, "Stir two eggs into the flour. Bake the cake for forty minutes.", False),
    GoldenItem("dog, met", *_DOG, "I walked to the mill with my dog. The dog barked at every gate.", True),
    GoldenItem("dog, violated", *_DOG, "I walked to the mill all alone. Only the wind was on the road.", False),
    GoldenItem("winter, met", *_WINTER, "大雪下了一整夜，河面结了厚厚的冰。寒冬的北风吹得人睁不开眼。", True),
    GoldenItem("winter, violated", *_WINTER, "盛夏的午后，蝉声不断。孩子们在河里游泳，热得满头大汗。", False),
    GoldenItem("cat, met", *_CAT, "窗台上卧着一只橘色的猫。这只猫眯着眼睛晒太阳。", True),
    GoldenItem("cat, violated", *_CAT, "窗台上放着一盆红色的花。花盆旁边有一本旧书。", False),
)

Ask = Callable[[GoldenItem], Awaitable[bool]]
"""Whether the judge finds the constraint met. Raises JudgeFailure."""


@dataclass(frozen=True, slots=True)
class GoldenReport:
    wrong: list[str]
    """One line per item that was answered otherwise than known, or in another form."""
    unasked: list[str]
    """One line per item that the endpoint did not answer: of the judge's judgement nothing is known."""

    @property
    def wrong_share(self) -> float:
        return len(self.wrong) / len(ITEMS)


async def golden_report(ask: Ask) -> GoldenReport:
    """Asks every item at once."""
    report = GoldenReport([], [])
    for item, answer in zip(ITEMS, await asyncio.gather(*(_answer(ask, item) for item in ITEMS)), strict=True):
        if isinstance(answer, JudgeFailure):
            unasked = answer.status in (Status.UNAVAILABLE, Status.TIMEOUT)
            (report.unasked if unasked else report.wrong).append(f"{item.name}: {answer.status}: {answer.reason}")
        elif answer is not item.met:
            report.wrong.append(f"{item.name}: {'met' if answer else 'violated'}")
    return report


async def _answer(ask: Ask, item: GoldenItem) -> bool | JudgeFailure:
    try:
        return await ask(item)
    except JudgeFailure as failure:
        return failure
