"""Votes as files: CSV, JSON, and preference pairs that `rlmr rm train` and `rlmr data check` read."""

import csv
import io
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from trainer.arena.assignment import Comparison
from trainer.arena.standing import Standings
from trainer.arena.state import State
from trainer.arena.statistics import Ballot, firsts
from trainer.data.rows import PairRow, line_of

COLUMNS = ("rater", "prompt", "left", "right", "choice", "winner", "repeat", "tags", "seconds", "at")


def vote_rows(state: State) -> list[dict[str, Any]]:
    return [_row(ballot) for ballot in state.ballots()]


def _row(ballot: Ballot) -> dict[str, Any]:
    pair = ballot.comparison
    left, right = (pair.second, pair.first) if ballot.swapped else (pair.first, pair.second)
    return {
        "rater": ballot.rater,
        "prompt": pair.prompt,
        "left": left,
        "right": right,
        "choice": ballot.choice,
        "winner": {"first": pair.first, "second": pair.second}.get(ballot.verdict),
        "repeat": ballot.repeat,
        "tags": list(ballot.tags),
        "seconds": round(ballot.seconds, 3),
        "at": datetime.fromtimestamp(ballot.at, UTC).isoformat(timespec="seconds"),
    }


def as_csv(state: State) -> str:
    """One vote a line. A name or id that a spreadsheet would take for a formula is preceded by an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in vote_rows(state):
        cells = row | {"tags": "; ".join(row["tags"]), "winner": row["winner"] or "", "repeat": int(row["repeat"])}
        writer.writerow([_cell(cells[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def as_json(state: State) -> str:
    """Everything but the links: the standing, the votes, and what they are about."""
    contest = state.contest()
    told = {
        "standing": Standings(state).now(),
        "votes": vote_rows(state),
        "prompts": [row.model_dump(mode="json") for row in contest.prompts.values()],
        "responses": contest.arms,
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def preference_pairs(state: State) -> list[PairRow]:
    """A pair of each comparison whose votes have a majority: more of its raters chose one text than the other."""
    contest = state.contest()
    votes: dict[Comparison, Counter[str]] = defaultdict(Counter)
    for ballot in firsts(state.ballots()):
        votes[ballot.comparison][ballot.verdict] += 1
    found = []
    for pair in sorted(votes):
        counts = votes[pair]
        if counts["first"] == counts["second"]:
            continue
        good, bad = (pair.first, pair.second) if counts["first"] > counts["second"] else (pair.second, pair.first)
        prompt = contest.prompts[pair.prompt]
        provenance = {
            "source": "arena",
            "prompt_id": pair.prompt,
            "chosen": good,
            "rejected": bad,
            "votes": f"{max(counts['first'], counts['second'])} of {counts.total()}",
        }
        row = {"prompt": prompt.prompt, "chosen": contest.arms[good][pair.prompt], "rejected": contest.arms[bad][pair.prompt]}  # fmt: skip
        more = {"language": prompt.language, "domain": prompt.domain, "provenance": provenance}
        found.append(PairRow.model_validate(row | more))
    return found


def as_pairs(state: State) -> str:
    return "".join(map(line_of, preference_pairs(state)))


FILES = {
    "votes.csv": (as_csv, "text/csv; charset=utf-8"),
    "arena.json": (as_json, "application/json"),
    "pairs.jsonl": (as_pairs, "application/x-ndjson"),
}
"""File -> (what makes it, its type)."""
