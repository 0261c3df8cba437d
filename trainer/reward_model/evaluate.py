"""`rlmr rm eval`: an exported reward model on held-out pairs, in numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake
from services.writing_rm.model.manifest import RewardModelManifest, read_manifest
from trainer.data.corruptions import pieces
from trainer.data.similarity import language_of, tokens
from trainer.reward_model.accuracy import accuracy, by_gap, calibration, changes, length_controlled, rank_correlation
from trainer.reward_model.preference_files import Held

Score = Callable[[Sequence[tuple[Any, str]]], list[float | None]]
"""Raw scores of (prompt, response); None for a text that is longer than the model takes."""
FILLER = {
    "en": " It is worth saying a little more about this here. There are, after all, many things that could be said.",
    "zh": "关于这一点，在这里还可以再多说几句。毕竟，可以说的东西总是很多的。",
}


@dataclass(frozen=True)
class Model:
    manifest: RewardModelManifest
    score: Score
    dtype: str
    device: str


def load(folder: Path, device: str = "cpu", dtype: str = "float32", max_batch_tokens: int = 8192) -> Model:
    """The model as the service runs it in process. Raises ManifestError."""
    from services.writing_rm.engines.torch_engine import TorchModel
    from services.writing_rm.model.text_form import TextEncoder

    manifest = read_manifest(folder)
    encoder = TextEncoder.from_directory(folder, manifest.text_form)
    model = TorchModel.load(folder, dtype=dtype, device=device, max_batch_tokens=max_batch_tokens)

    def score(texts: Sequence[tuple[Any, str]]) -> list[float | None]:
        encoded = [encoder.encode(prompt, response) for prompt, response in texts]
        fits = [i for i, ids in enumerate(encoded) if len(ids) <= manifest.max_tokens]
        found: list[float | None] = [None] * len(encoded)
        for i, raw in zip(fits, model.score_all([encoded[i] for i in fits]), strict=True):
            found[i] = raw
        return found

    return Model(manifest, score, dtype, device)


def evaluate(model: Model, pairs: Sequence[Held], seed: int = 0) -> dict[str, Any]:
    """Everything the report shows. Pairs with a text that is too long have no margin: they are counted, not guessed."""
    chosen = model.score([(p.prompt, p.chosen) for p in pairs])
    rejected = model.score([(p.prompt, p.rejected) for p in pairs])
    judged = [(p, c, r) for p, c, r in zip(pairs, chosen, rejected, strict=True) if c is not None and r is not None]
    if not judged:
        raise Mistake(f"every pair has a text longer than the model's {model.manifest.max_tokens} tokens")
    margins = [c - r for _, c, r in judged]
    lengths = [(len(tokens(p.chosen)), len(tokens(p.rejected))) for p, _, _ in judged]
    std = model.manifest.standardisation.std
    scores = [score / std for _, c, r in judged for score in (c, r)]
    controlled = length_controlled(margins, lengths, seed)
    overall = accuracy(margins)
    assert overall is not None
    return {
        "model": {
            "name": model.manifest.name,
            "revision": model.manifest.revision,
            "dtype": model.dtype,
            "device": model.device,
        },
        "pairs": len(judged),
        "too_long": len(pairs) - len(judged),
        "ties": sum(d == 0 for d in margins),
        "accuracy": overall.as_dict(),
        "length_controlled": controlled.as_dict() if controlled else None,
        "by_domain": _by(judged, margins, lambda p: p.domain),
        "by_language": _by(judged, margins, lambda p: p.language),
        "by_source": _by(judged, margins, lambda p: p.source),
        "by_gap": by_gap(margins, lengths),
        "best_of_group": _best_of_group(judged),
        "calibration": calibration(margins),
        "length": {
            "rank_correlation": rank_correlation(scores, [n for pair in lengths for n in pair]),
            "altered": _altered(model, [(p, c) for p, c, _ in judged], seed),
        },
        "points": [[n, s] for n, s in zip([n for pair in lengths for n in pair], scores, strict=True)][:2000],
    }


def _by(
    judged: Sequence[tuple[Held, float, float]], margins: Sequence[float], of: Callable[[Held], str]
) -> dict[str, Any]:
    names = sorted({of(p) for p, _, _ in judged})
    found = {
        name: accuracy([d for (p, _, _), d in zip(judged, margins, strict=True) if of(p) == name]) for name in names
    }
    return {name: share.as_dict() for name, share in found.items() if share}


def _best_of_group(judged: Sequence[tuple[Held, float, float]]) -> dict[str, float] | None:
    """Rows of several pairs: share in which every chosen text is above every rejected one (RewardBench 2). None without such rows."""
    groups: dict[str, list[bool]] = {}
    for pair, chosen, rejected in judged:
        groups.setdefault(pair.group, []).append(chosen > rejected)
    several = [all(right) for right in groups.values() if len(right) > 1]
    share = accuracy([1.0 if right else -1.0 for right in several])
    return share.as_dict() if share else None


def _altered(model: Model, texts: Sequence[tuple[Held, float]], seed: int, most: int = 300) -> dict[str, Any]:
    """What longer and shorter copies of a chosen text score, in standard deviations: its last sentences again, words that say nothing,
    its first half alone. Length pays if a longer copy rises; brevity pays if the half does: fewer sentences hold fewer faults."""
    found: dict[str, Any] = {}
    std = model.manifest.standardisation.std
    for name, change in (
        ("half longer, repeated", _repeated),
        ("half longer, filler", _filler),
        ("first half alone", _first_half),
    ):
        changed = [(p, before, change(p.chosen)) for p, before in texts[:most]]
        told = [(p, before, text) for p, before, text in changed if text != p.chosen]
        after = model.score([(p.prompt, text) for p, _, text in told])
        both = [(before / std, now / std) for (_, before, _), now in zip(told, after, strict=True) if now is not None]
        if both:
            found[name] = changes([before for before, _ in both], [now for _, now in both], seed)
    return found


def _repeated(text: str) -> str:
    """The last half of its sentences, once more."""
    parts = pieces(text)
    glue = "" if language_of(text) == "zh" else " "
    return text.rstrip() + glue + "".join(parts[len(parts) // 2 :]).strip()


def _first_half(text: str) -> str:
    """Of its sentences the first half; a text of one sentence as it is."""
    parts = pieces(text)
    sentences = [i for i, part in enumerate(parts) if part.strip()]
    return "".join(parts[: sentences[(len(sentences) - 1) // 2] + 1]) if len(sentences) > 1 else text


def _filler(text: str) -> str:
    language = language_of(text)
    times = max(1, round(len(tokens(text)) / 2 / len(tokens(FILLER[language]))))
    return text.rstrip() + FILLER[language] * times


def drift(folder: Path, dtype: str, device: str) -> dict[str, Any]:
    """How far a dtype moves the golden scores, in standard deviations, and the tolerance to set for it: twice the largest."""
    model = load(folder, device, dtype)
    golden = model.manifest.golden
    raws = model.score([(g.prompt, g.response) for g in golden])
    errors = sorted(
        abs(raw - g.raw) / model.manifest.standardisation.std
        for raw, g in zip(raws, golden, strict=True)
        if raw is not None
    )
    largest = errors[-1]
    return {
        "dtype": dtype,
        "median": errors[len(errors) // 2],
        "largest": largest,
        "tolerance": max(0.001, 2 * largest),
        "texts": len(errors),
    }
