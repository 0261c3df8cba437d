"""`rlmr data check`: what is wrong with a file of prompts or pairs, and what it is made of."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, decoded, json_of, lines_of, read_json_lines
from trainer.data.feasibility import problems
from trainer.data.rows import PairRow, PromptRow, parsed
from trainer.data.similarity import language_of, near_duplicates, ngrams, tokens

EVALUATION_FIELDS = ("input", "prompt", "query", "question", "instruction")
"""Where evaluation sets keep what they ask: ours, IFEval and IFBench, WritingBench, and common others."""


@dataclass
class Report:
    """What was found. `errors` are findings that training data must not have."""

    file: str
    kind: str
    rows: int = 0
    malformed: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    near_duplicates: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    infeasible: list[str] = field(default_factory=list)
    balance: dict[str, dict[str, int]] = field(default_factory=dict)
    length: dict[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(map(len, (self.malformed, self.duplicates, self.leaks, self.infeasible)))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"errors": self.errors}


def check_file(path: Path, against: Sequence[Path] = (), ngram: int = 8, near: float = 0.7) -> Report:
    """Reads every row, the malformed ones included. `against`: evaluation sets; a run of `ngram` tokens shared with one is a leak.

    Raises Mistake where a file cannot be read at all.
    """
    report = Report(str(path), "prompts")
    rows: list[tuple[str, PromptRow | PairRow]] = []
    for where, line in lines_of(path):
        try:
            value = json_of(decoded(line, where), where, dict)
            if not rows and not report.malformed:
                report.kind = "pairs" if "chosen" in value else "prompts"
            kind: type[PromptRow] | type[PairRow] = PairRow if report.kind == "pairs" else PromptRow
            rows.append((where, parsed(where, value, kind)))
        except Mistake as exc:
            report.malformed.append(str(exc))
    if not rows and not report.malformed:
        raise Mistake(f"{path}: no rows in the file")
    report.rows = len(rows)
    _duplicates(rows, report, near)
    _leaks(rows, report, against, ngram)
    if report.kind == "prompts":
        _prompts([(where, row) for where, row in rows if isinstance(row, PromptRow)], report)
    else:
        _pairs([(where, row) for where, row in rows if isinstance(row, PairRow)], report)
    return report


def _duplicates(rows: Sequence[tuple[str, PromptRow | PairRow]], report: Report, near: float) -> None:
    """Prompts that are equal but for case and punctuation, ids that stand twice; then near ones (3-gram Jaccard)."""
    seen: dict[Any, str] = {}
    ids: dict[str, str] = {}
    different: list[tuple[str, str]] = []
    for where, row in rows:
        text = row.text if isinstance(row, PromptRow) else f"{row.text}\n{row.good}\n{row.bad}"
        constraints = "" if isinstance(row, PairRow) else str(row.label.constraints)
        key = (tuple(tokens(text)), constraints)
        if key in seen:
            report.duplicates.append(f"{where}: the same as {seen[key]}")
        else:
            seen[key] = where
            different.append((where, text))
        if isinstance(row, PromptRow) and ids.setdefault(row.id, where) != where:
            report.duplicates.append(f"{where}: label.prompt_id {row.id!r} stands in {ids[row.id]} already")
    for alike in near_duplicates([text for _, text in different], near):
        first, second = different[alike.first][0], different[alike.second][0]
        report.near_duplicates.append(f"{second}: like {first}, Jaccard {alike.jaccard:.2f}")


def _leaks(rows: Sequence[tuple[str, PromptRow | PairRow]], report: Report, against: Sequence[Path], n: int) -> None:
    known: dict[tuple[str, ...], str] = {}
    for path in against:
        for where, value in read_json_lines(path):
            for run in ngrams(_asked(where, value), n):
                known.setdefault(run, where)
    for where, row in rows:
        shared = next((run for run in sorted(ngrams(row.text, n)) if run in known), None)
        if shared:
            report.leaks.append(f"{where}: shares {' '.join(shared)!r} with {known[shared]}")


def evaluation_prompts(paths: Sequence[Path]) -> list[str]:
    """What evaluation sets ask for. Raises Mistake."""
    return [_asked(where, value) for path in paths for where, value in read_json_lines(path)]


def _asked(where: str, value: dict[str, Any]) -> str:
    asked = next((value[name] for name in EVALUATION_FIELDS if value.get(name)), None)
    if isinstance(asked, list):
        asked = "\n".join(
            str(message["content"]) for message in asked if isinstance(message, dict) and "content" in message
        )
    if not isinstance(asked, str):
        raise Mistake(f"{where}: no prompt: want one of the fields {', '.join(EVALUATION_FIELDS)}")
    return asked


def _prompts(rows: Sequence[tuple[str, PromptRow]], report: Report) -> None:
    kinds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for where, row in rows:
        constraints = row.label.constraints
        counts["read by the judge" if constraints is None else str(len(constraints))] += 1
        kinds.update(constraint.type for constraint in constraints or ())
        why = problems(constraints or (), row.language or language_of(row.text))
        report.infeasible += [f"{where}: label.constraints: {problem}" for problem in why]
    report.balance = {
        "language": _counted(row.language or language_of(row.text) for _, row in rows),
        "domain": _counted(row.domain or "none given" for _, row in rows),
        "difficulty": _counted(row.difficulty or "none given" for _, row in rows),
        "constraints a prompt": dict(sorted(counts.items())),
        "constraint": dict(kinds.most_common()),
    }
    report.length = {"prompt": _spread([len(tokens(row.text)) for _, row in rows])}


def _pairs(rows: Sequence[tuple[str, PairRow]], report: Report) -> None:
    from trainer.data.matching import length_bias

    for where, row in rows:
        for name, text in (("chosen", row.good), ("rejected", row.bad)):
            if not text.strip():
                report.malformed.append(f"{where}: {name}: the answer is empty")
        if row.good == row.bad:
            report.malformed.append(f"{where}: rejected: the same as chosen")
    report.balance = {
        "language": _counted(row.language or language_of(row.text) for _, row in rows),
        "domain": _counted(row.domain or "none given" for _, row in rows),
        "source": _counted(str(row.provenance.get("source", "none given")) for _, row in rows),
    }
    lengths = [(len(tokens(row.good)), len(tokens(row.bad))) for _, row in rows]
    report.length = {
        "chosen": _spread([a for a, _ in lengths]),
        "rejected": _spread([b for _, b in lengths]),
        "bias": length_bias(lengths).as_dict(),
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _spread(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    cuts = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else [values[0]] * 19
    return {"least": min(values), "5 %": cuts[0], "median": cuts[9], "95 %": cuts[18], "greatest": max(values)}
