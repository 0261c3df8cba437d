"""Sends the corpus to a live verifier and counts false passes per family."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rlmr.client import RlmrClient, RlmrError
from rlmr.mistake import Mistake
from rlmr.wire import VerifyResult
from services.verifier.attack.corpus import Attack, attacks


class AttackFailed(Mistake):
    """The verifier could not be asked: there is no rate to report."""


@dataclass
class FamilyResult:
    family: str
    asked: int = 0
    false_passes: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers without a verdict, by status. They are no passes, and they are shown."""
    passed: list[Attack] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """Attacks that got a verdict. The rate is over these: what was not answered has not been withstood."""
        return self.asked - self.statuses.total()

    @property
    def rate(self) -> float | None:
        """False passes, as a share of 1 of the attacks that were answered; None where none was."""
        return self.false_passes / self.answered if self.answered else None


def run(
    url: str,
    *,
    key: str | None = None,
    judge: bool = True,
    batch: int = 16,
    timeout: float = 600.0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[FamilyResult]:
    """`judge`: also the targets on which a judge has the last word. Raises AttackFailed."""
    corpus = [a for a in attacks() if judge or not a.target.judged]
    results: dict[str, FamilyResult] = {}
    with RlmrClient(url, api_key=key or "", timeout=timeout) as client:
        for start in range(0, len(corpus), batch):
            part = corpus[start : start + batch]
            for attack, answer in zip(part, _ask(client, part), strict=True):
                result = results.setdefault(attack.family, FamilyResult(attack.family))
                result.asked += 1
                if answer.passed is True:
                    result.false_passes += 1
                    result.passed.append(attack)
                elif answer.passed is None:
                    result.statuses[answer.status.value] += 1
            on_progress(start + len(part), len(corpus))
    return sorted(results.values(), key=lambda r: r.family)


def _ask(client: RlmrClient, part: list[Attack]) -> list[VerifyResult]:
    samples = [
        {"id": str(i), "prompt": a.target.prompt, "response": a.response, "constraints": [a.target.constraint]}
        for i, a in enumerate(part)
    ]
    try:
        answers = client.verify(samples).results
    except RlmrError as error:
        raise AttackFailed(f"{client.base_url}: {error}") from error
    if [a.id for a in answers] != [s["id"] for s in samples]:
        raise AttackFailed(f"{client.base_url}: the answers are not for the samples that were sent")
    return answers
