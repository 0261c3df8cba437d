"""Follows a run's ledger: measures the held-back signal on a sample of its groups, keeps a checkpoint, raises the alarm once."""

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.grpo.recorder import shard
from trainer.onset.causes import Texts, likely_cause
from trainer.onset.cusum import Parting
from trainer.onset.keeping import keep
from trainer.onset.sources import Source
from trainer.onset.windows import Windows, all_windows, window_of
from trainer.run.ledger import Ledger, Tail

ONSET = "onset.json"


@dataclass(frozen=True, slots=True)
class Onset:
    signal: str
    step: int
    """The last step in which all was well."""
    alarm_step: int
    """Where the evidence was enough."""
    fall: float
    gain: float
    """Of held-back signal and reward since, in standard deviations of a response."""
    cause: str
    checkpoint: str | None
    """Folder inside the run's, from before the onset; None = no checkpoint was that old."""

    def told(self) -> str:
        moved = f"fell by {self.fall:.2f}" if self.fall > 0.05 else "stalled"
        name = {"held_back": "the held-back signal"}.get(self.signal, self.signal)
        kept = f"; checkpoint from before: {self.checkpoint}" if self.checkpoint else "; no checkpoint is that old"
        return (
            f"reward hacking since step {self.step} (seen at step {self.alarm_step}): reward up by {self.gain:+.2f}, {name} {moved} "
            f"(standard deviations of a response); likely {self.cause}{kept}"
        )


def read_onset(run: Path) -> Onset | None:
    path = run / ONSET
    return Onset(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def strategy_of(run: Path) -> str:
    """The name, from settings.json; rlmr where the run left none."""
    path = run / "settings.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str((settings.get("strategy") or {}).get("name", "rlmr"))


class Guard:
    """Call look() after ledger.refresh(), as often as you like."""

    def __init__(self, ledger: Ledger, source: Source | None, *, share: float = 1.0) -> None:
        """`source`: None = only the signals that the strategy does not use. `share` of the groups is measured."""
        self.ledger, self.source, self.share = ledger, source, share
        self.strategy = strategy_of(ledger.folder)
        self._texts = Tail(ledger.folder)
        self._window = window_of(ledger.folder)
        self._groups_seen = -self._window
        self._measured = {(row["time"], row["prompt_id"]) for row in ledger.held_back}

    def look(self) -> Onset | None:
        """The onset, if there is one. Raises SourceError where the signal cannot be had."""
        self._measure()
        if (known := read_onset(self.ledger.folder)) is not None:
            return known
        if len(self.ledger.groups) < self._groups_seen + self._window // 4:
            return None  # nothing that could change a window's mean much
        self._groups_seen = len(self.ledger.groups)
        run = self.ledger.folder
        for windows in all_windows(self.ledger, self.strategy):
            found = windows.parting()
            best = found.best if found else max(range(len(windows.steps)), key=windows.held_back.__getitem__)
            kept = keep(run, windows.signal, windows.steps[best])
            if found is not None:
                onset = Onset(
                    windows.signal,
                    windows.steps[found.best],
                    windows.steps[found.alarm],
                    round(found.fall, 3),
                    round(found.gain, 3),
                    self._cause(windows, found),
                    str(kept.relative_to(run)) if kept else None,
                )
                (run / ONSET).write_text(json.dumps(asdict(onset), indent=2) + "\n", encoding="utf-8")
                return onset
        return None

    def _measure(self) -> None:
        """Appends to ledger/held_back.*; the ledger's next refresh reads it, as everyone's does."""
        if self.source is None:
            return
        rows = []
        try:
            for row in self._texts.new("texts"):
                key = (row["time"], row["prompt_id"])
                if row["split"] != "train" or key in self._measured or not self._chosen(key):
                    continue
                self._measured.add(key)
                values = self.source(row)
                if values is not None:
                    rows.append({"time": key[0], "prompt_id": key[1], "step": row.get("step"), "values": list(values)})
        finally:
            if rows:
                with shard(self.ledger.folder, "held_back").open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
                self.ledger.refresh()

    def _chosen(self, key: tuple[float, str]) -> bool:
        """The same groups whoever looks, and whenever."""
        return zlib.crc32(repr(key).encode()) < self.share * 2**32

    def _cause(self, windows: Windows, found: Parting) -> str:
        wanted = {key: which for which in (found.best, found.alarm) for key in windows.groups[which]}
        texts = {found.best: Texts(), found.alarm: Texts()}
        for group in self.ledger.whole_groups():
            if (which := wanted.get((group["time"], group["prompt_id"]))) is not None:
                texts[which].responses += group["responses"]
                texts[which].failed += group.get("failed_constraints") or []
        return likely_cause(texts[found.best], texts[found.alarm])
