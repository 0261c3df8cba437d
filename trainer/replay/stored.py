"""The groups that a run's ledger holds, as the aggregator saw them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json
from rlmr.wire import PolicyFault, Status
from services.aggregator.deciding import NOT_ASKED
from services.aggregator.signals import Signals, Verdict, Writing
from trainer.run.ledger import Ledger


class NotReplayable(Mistake):
    """The run cannot be replayed as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class StoredGroup:
    prompt_id: str
    step: int | None
    prompt: str
    """What the policy was asked: the last message."""
    constraints: list[str]
    """Their ids."""
    failed: list[list[str]]
    """Per response, the reasons of failed constraints and failures, one line each."""
    texts: list[str]
    """The n responses."""
    signals: Signals
    """With the policy's own faults as violations already, as the strategy saw them."""
    rewards: list[float | None]
    reason: str | None
    """Why the run dropped it; None = trained on."""
    delta: float | None
    spans: list[list[tuple[int, int]]] = field(default_factory=list)
    """Per response, where violations show, in characters; empty for a run of an older version."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """Of the filter, where they followed the run (trainer/grpo/thresholds.py)."""
    price: dict[str, float] = field(default_factory=dict)
    """The strategy's parameter at its value then, where it followed the run (trainer/grpo/lagrange.py)."""
    question: "Question | None" = None
    """What services must be told to be asked again."""


@dataclass(frozen=True, slots=True)
class Question:
    messages: Any
    constraints: list[dict[str, Any]] | None
    finished: list[bool]
    """Per response: false where the run counted it as cut off."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    folder: Path
    strategy: dict[str, Any]
    estimator: str
    """OpenRLHF's advantage estimator."""
    filter: dict[str, Any] = field(default_factory=dict)
    """What the run sent of the aggregator's filter."""

    def groups(self) -> Iterator[StoredGroup]:
        """Training groups in the order of time, one at a time. Raises NotReplayable for a ledger of an older version."""
        for row in Ledger(self.folder).whole_groups():
            if row["reason"] == Status.UNAVAILABLE and not row.get("samples"):
                continue  # no answer came at all: there is nothing to replay
            yield StoredGroup(
                row["prompt_id"],
                row.get("step"),
                _asked(row["prompt"]),
                [str(c.get("type")) for c in row["constraints"] or []],
                row["failed_constraints"] or [[] for _ in row["responses"]],
                row["responses"],
                _signals(row),
                row["rewards"],
                row["reason"],
                row["delta"],
                [[(a, b) for a, b in sample.get("spans") or ()] for sample in row["samples"]],
                row.get("filter") or {},
                row.get("price") or {},
                Question(
                    row["prompt"],
                    row["constraints"],
                    [sample.get("fault") != PolicyFault.CUT_OFF for sample in row["samples"]],
                ),
            )


def read_run(folder: Path) -> StoredRun:
    """Raises NotReplayable."""
    command, summary = folder / "command.json", folder / "summary.json"
    if not command.exists():
        raise NotReplayable(f"{folder} holds no command.json: give the folder of a run (runs/<name>)")
    arguments = read_json(command, list)
    flag = "--algo.advantage.estimator"
    estimator = arguments[arguments.index(flag) + 1] if flag in arguments else "group_norm"
    if not summary.exists():
        raise NotReplayable(f"{summary} is missing: the run has not ended; its strategy is written there")
    told = read_json(summary, dict)
    return StoredRun(folder, told["strategy"], estimator, told.get("filter") or {})


def _asked(prompt: Any) -> str:
    return str(prompt[-1]["content"] if isinstance(prompt, list) and prompt else prompt)


def _signals(row: dict[str, Any]) -> Signals:
    samples = row.get("samples")
    if not samples:
        raise NotReplayable(
            f"group {row['prompt_id']}: the ledger lacks the statuses of its samples: it was written by an older version; run again"
        )
    n, worst = row["n"], min((w for w in row["writing"] if w is not None), default=None)

    def writing(i: int) -> Writing:
        score, sample = row["writing"][i], samples[i]
        if score is None and sample["fault"]:
            score = worst  # as services.aggregator.faults
        return Writing(Status.OK if score is not None else Status(sample["score_status"]), score)

    def verdict(i: int) -> Verdict:
        violated, sample = row["violated"][i], samples[i]
        return Verdict(
            Status(sample["verify_status"]) if violated is None else Status.OK,
            passed=None if violated is None else not violated,
            rule_share=sample["rule_share"],
            judge_passed=sample["judge_passed"],
            met_share=sample["met_share"],
        )

    def asked(kind: str) -> bool:
        return any(sample[kind] != NOT_ASKED for sample in samples)

    return Signals(
        writing=[writing(i) for i in range(n)] if asked("score_status") else None,
        verdicts=[verdict(i) for i in range(n)] if asked("verify_status") else None,
    )
