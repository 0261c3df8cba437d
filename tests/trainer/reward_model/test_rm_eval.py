"""`rlmr rm eval` on real exported models: figures agree with scores computed another way, files of every form are read."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from rlmr.cli import app
from rlmr.mistake import Mistake
from trainer.reward_model.evaluate import Model, drift, evaluate, load
from trainer.reward_model.preference_files import Held, read_held
from trainer.reward_model.random_checkpoint import invented_text


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_every_published_form_is_read(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "prompt": [{"role": "user", "content": "P"}],
            "chosen": [{"role": "assistant", "content": "good"}],
            "rejected": [{"role": "assistant", "content": "bad"}],
            "domain": "story",
        },
        {
            "id": "7",
            "prompt": "P",
            "chosen": ["good"],
            "rejected": ["bad", "worse", "worst"],
            "subset": "Focus",
            "num_correct": 1,
        },
        {"prompt": "P", "chosen_story": "good", "rejected_story": "bad", "chosen_upvotes": 40},
        {
            "prompt": "写诗",
            "chosen": {"response": "好诗", "model": "a"},
            "rejected": {"response": "坏诗", "model": "b"},
            "tag": "诗歌",
        },
    ]
    held = read_held(write(tmp_path / "p.jsonl", *rows))
    assert [(h.chosen, h.rejected, h.domain, h.language) for h in held] == [
        ("good", "bad", "story", "en"),
        ("good", "bad", "Focus", "en"),
        ("good", "worse", "Focus", "en"),
        ("good", "worst", "Focus", "en"),
        ("good", "bad", "none given", "en"),
        ("好诗", "坏诗", "诗歌", "zh"),
    ]
    assert len({h.group for h in held}) == 4


@pytest.mark.parametrize(
    "row, says",
    [
        ({"prompt": "P", "chosen": "a"}, "rejected: Field required"),
        ({"chosen": "a", "rejected": "b"}, "prompt: Field required"),
        ({"prompt": "P", "chosen": ["a", "  "], "rejected": "b"}, "chosen: want a text"),
        ({"prompt": {"x": 1}, "chosen": "a", "rejected": "b"}, "prompt: want a text or chat"),
    ],
)
def test_a_malformed_row_names_file_line_and_field(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    path = write(tmp_path / "p.jsonl", {"prompt": "P", "chosen": "a", "rejected": "b"}, row)
    with pytest.raises(Mistake, match=rf"p\.jsonl:2: {says}"):
        read_held(path)
    found = CliRunner().invoke(app, ["rm", "eval", str(tmp_path), str(path)])
    assert found.exit_code == 2 and "Traceback" not in found.output


def counting(model: Model) -> Model:
    """The same model, but its score is the number of words: length bias itself."""
    return Model(
        model.manifest, lambda texts: [float(len(response.split())) for _, response in texts], "float32", "cpu"
    )


def pairs(count: int) -> list[Held]:
    import random

    rng = random.Random(0)
    made = []
    for i in range(count):
        a, b = (invented_text(rng, rng.randint(6, 20)) for _ in range(2))
        made.append(Held(f"Prompt {i}", a, b, "story" if i % 3 else "poem", "en", str(i)))
    return made


def test_a_model_that_counts_words_is_found_out(model_dir: Path) -> None:
    found = evaluate(
        counting(load(model_dir)), [Held("p", "w " * (9 + i % 5), "w " * 8, "d", "en", str(i)) for i in range(60)]
    )
    assert found["accuracy"]["value"] == 1.0
    assert found["length"]["rank_correlation"] == pytest.approx(1.0)
    assert {change["rose"] for change in found["length"]["altered"].values()} == {1.0}
    assert "first half alone" not in found["length"]["altered"], "one sentence has no half"
    assert found["length_controlled"] is None, "no chosen text is the shorter one: nothing can be said"


def test_a_model_that_prefers_brevity_is_found_out(model_dir: Path) -> None:
    """As one trained on pairs of equal length may: a text of fewer sentences holds fewer faults."""
    model = load(model_dir)
    brief = Model(model.manifest, lambda texts: [-float(text.count(".")) for _, text in texts], "float32", "cpu")
    held = [Held("p", "One is here. Two is here. Three is.", "Four. Five. Six.", "d", "en", str(i)) for i in range(20)]
    altered = evaluate(brief, held)["length"]["altered"]
    assert {name: change["rose"] for name, change in altered.items()} == {
        "half longer, repeated": 0.0, "half longer, filler": 0.0, "first half alone": 1.0
    }  # fmt: skip
    std = model.manifest.standardisation.std
    assert altered["first half alone"]["mean"] == pytest.approx(1 / std)


def test_the_command_reports_what_the_scores_say(model_dir: Path, tmp_path: Path) -> None:
    held = pairs(40)
    long = {"prompt": "P", "chosen": "too long " * 900, "rejected": "b"}
    rows = [
        {
            "prompt": [{"role": "user", "content": h.prompt}],
            "chosen": h.chosen,
            "rejected": h.rejected,
            "domain": h.domain,
            "provenance": {"source": "corruption", "kind": "order"} if i % 2 else {"source": "judge"},
        }
        for i, h in enumerate(held)
    ]
    path = write(tmp_path / "held.jsonl", *rows, long)
    found = CliRunner().invoke(app, ["rm", "eval", str(model_dir), str(path), "--out", str(tmp_path / "report")])
    assert found.exit_code == 0, found.output
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert (report["pairs"], report["too_long"]) == (40, 1)
    model = load(model_dir)
    by_one: list[tuple[float, float]] = []
    for h in held:  # alone, not in one batch
        (c,), (r,) = model.score([(h.prompt, h.chosen)]), model.score([(h.prompt, h.rejected)])
        assert c is not None and r is not None
        by_one.append((c, r))
    assert report["accuracy"]["value"] == pytest.approx(sum(c > r for c, r in by_one) / 40)
    assert set(report["by_domain"]) == {"story", "poem"}
    assert {name: share["count"] for name, share in report["by_source"].items()} == {
        "corruption order": 20,
        "judge": 20,
    }
    assert report["drift"]["dtype"] == "bfloat16" and 0 < report["drift"]["largest"] < report["drift"]["tolerance"]
    page = (tmp_path / "report" / "evaluation.html").read_text()
    assert "<svg" in page and "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace("http://creativecommons", "").replace("https://matplotlib", "")  # fmt: skip


def test_float32_does_not_drift(model_dir: Path) -> None:
    assert drift(model_dir, "float32", "cpu")["largest"] < 1e-3


def test_best_of_four_needs_the_chosen_text_above_every_other(model_dir: Path) -> None:
    model = counting(load(model_dir))
    four = [Held("p", "a b c", worse, "d", "en", "g1") for worse in ("a", "a b", "b")]
    four += [Held("p", "a b c", worse, "d", "en", "g2") for worse in ("a", "a b c d", "b")]
    found = evaluate(model, four)
    assert (found["best_of_group"]["value"], found["best_of_group"]["count"]) == (0.5, 2)
