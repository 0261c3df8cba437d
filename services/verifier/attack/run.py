"""Sends the corpus to a live verifier and counts false passes per family."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.verifier.attack.corpus import Attack, attacks

_ATTEMPTS = 4


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


def _ask(client: httpx.Client, part: list[Attack]) -> list[dict[str, Any]]:
    samples = [
        {"id": str(i), "prompt": a.target.prompt, "response": a.response, "constraints": [a.target.constraint]}
        for i, a in enumerate(part)
    ]
    reply = _post(client, {"samples": samples})
    if reply.status_code != 200:
        raise AttackFailed(f"{client.base_url}: HTTP {reply.status_code}: {reply.text[:300]}")
    answers = reply.json()["results"]
    if [a["id"] for a in answers] != [s["id"] for s in samples]:
        raise AttackFailed(f"{client.base_url}: the answers are not for the samples that were sent")
    return list(answers)


def _post(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    """Asks again where that is what the verifier wants (429, 503), and where a kept connection was closed meanwhile: asking
    twice changes no verdict."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            reply = client.post("/verify", json=body)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            if attempt == _ATTEMPTS:
                raise AttackFailed(f"{client.base_url}: {type(error).__name__}: {error}") from error
        except httpx.HTTPError as error:
            raise AttackFailed(f"{client.base_url}: {type(error).__name__}: {error}") from error
        else:
            if reply.status_code not in (429, 503) or attempt == _ATTEMPTS:
                return reply
            time.sleep(min(float(reply.headers.get("Retry-After", "1")), 10.0))
    raise AssertionError("unreachable: the last attempt returns or raises")
