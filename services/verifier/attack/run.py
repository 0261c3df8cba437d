"""Sends the corpus to a live verifier and counts false passes per family."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from services.verifier.attack.corpus import Attack, attacks


class AttackFailed(RuntimeError):
    """The verifier could not be asked: there is no rate to report."""


@dataclass
class FamilyResult:
    family: str
    asked: int = 0
    false_passes: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers without a verdict, by status. They are no passes, and they are shown."""
    passed: list[Attack] = field(default_factory=list)


def run(
    url: str,
    *,
    key: str | None = None,
    judge: bool = True,
    batch: int = 16,
    timeout: float = 600.0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[FamilyResult]:
    """`judge`: also the targets that need a judge. Raises AttackFailed."""
    corpus = [a for a in attacks() if judge or a.target.constraint["type"] != "judge"]
    results: dict[str, FamilyResult] = {}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=timeout) as client:
        for start in range(0, len(corpus), batch):
            part = corpus[start : start + batch]
            for attack, answer in zip(part, _ask(client, part), strict=True):
                result = results.setdefault(attack.family, FamilyResult(attack.family))
                result.asked += 1
                if answer["passed"] is True:
                    result.false_passes += 1
                    result.passed.append(attack)
                elif answer["passed"] is None:
                    result.statuses[answer["status"]] += 1
            on_progress(start + len(part), len(corpus))
    return sorted(results.values(), key=lambda r: r.family)


def _ask(client: httpx.Client, part: list[Attack]) -> list[dict]:
    samples = [
        {"id": str(i), "prompt": a.target.prompt, "response": a.response, "constraints": [a.target.constraint]}
        for i, a in enumerate(part)
    ]
    try:
        reply = client.post("/verify", json={"samples": samples})
    except httpx.HTTPError as error:
        raise AttackFailed(f"{client.base_url}: {type(error).__name__}: {error}") from error
    if reply.status_code != 200:
        raise AttackFailed(f"{client.base_url}: HTTP {reply.status_code}: {reply.text[:300]}")
    answers = reply.json()["results"]
    if [a["id"] for a in answers] != [s["id"] for s in samples]:
        raise AttackFailed(f"{client.base_url}: the answers are not for the samples that were sent")
    return list(answers)
