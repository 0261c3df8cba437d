"""`rlmr rm`: train, export, check, calibrate and evaluate the directory that the writing reward model service serves."""

import json
from pathlib import Path
from typing import Any

import typer

from rlmr.mistake import Mistake, read_json_lines

app = typer.Typer(
    name="rm",
    help="Writing reward models: train, export, check, calibrate, evaluate.",
    no_args_is_help=True,
    add_completion=False,
)

_DEVICE = typer.Option("cpu", help="Where scores are measured, at float32: cpu, cuda or cuda:N.")
_REFERENCE_HELP = (
    "JSONL: {prompt, response} or {prompt, chosen, rejected} a line; prompts are strings or chat messages."
)


@app.command()
def export(
    checkpoint: Path = typer.Argument(help="What openrlhf.cli.train_rm wrote (--ckpt.output_dir)."),
    out: Path = typer.Argument(help="The directory to make."),
    name: str = typer.Option(help="Name of the model in every reply."),
    reference: Path | None = typer.Option(None, help=_REFERENCE_HELP),
    data_note: str = typer.Option("", help="What the preference data was."),
    license: str = typer.Option("", help="Licence of the weights (SPDX)."),
    max_tokens: int | None = typer.Option(None, help="train_rm's --data.max_len; default: the model's own limit."),
    input_template: str | None = typer.Option(None, help="train_rm's --data.input_template, without a chat template."),
    plain: bool = typer.Option(False, help="The model was trained without --data.apply_chat_template."),
    overwrite: bool = typer.Option(False, help="Replace OUT if it exists."),
    device: str = _DEVICE,
) -> None:
    """Turn a train_rm checkpoint into a directory for transformers, sglang, vLLM and this service."""
    from trainer.reward_model.export import export_reward_model

    manifest = export_reward_model(
        checkpoint,
        out,
        name=name,
        reference=read_reference(reference) if reference else None,
        data_note=data_note,
        license=license,
        max_tokens=max_tokens,
        chat_template=False if plain else None,
        input_template=input_template,
        overwrite=overwrite,
        device=device,
    )
    constants = manifest.standardisation
    typer.echo(f"{out}: {manifest.name} {manifest.revision}, mean {constants.mean:.4f}, std {constants.std:.4f}")


@app.command()
def calibrate(
    directory: Path = typer.Argument(help="An exported reward model."),
    reference: Path = typer.Option(help=_REFERENCE_HELP),
    device: str = _DEVICE,
) -> None:
    """Measure mean, std and golden texts again on a reference set; the model gets a new revision."""
    from trainer.reward_model.export import calibrate as measure

    manifest = measure(
        directory, read_reference(reference), source=f"rlmr rm calibrate, {reference.name}", device=device
    )
    constants = manifest.standardisation
    typer.echo(
        f"{directory}: revision {manifest.revision}, mean {constants.mean:.4f}, std {constants.std:.4f} "
        f"over {constants.count} texts"
    )


@app.command()
def check(
    directory: Path = typer.Argument(help="An exported reward model."),
    url: list[str] = typer.Option([], help="KIND=URL of something that serves it; KIND: sglang, vllm or service."),
    device: str = _DEVICE,
) -> None:
    """Compare transformers, the in-process engine, and every server given, on the golden texts. Exits 1 if one is off."""
    from trainer.reward_model.check import check_model

    verdicts = check_model(directory, url, device)
    for verdict in verdicts:
        typer.echo(
            f"{'off' if verdict.problems else 'ok ':4}{verdict.what}: largest error {verdict.largest_error:.2g} std"
        )
        for problem in verdict.problems:
            typer.echo(f"      {problem}")
    if any(verdict.problems for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def train(
    pairs: Path = typer.Argument(help="Preference pairs (JSONL of prompt, chosen, rejected, margin if wanted)."),
    out: Path = typer.Argument(
        help="Folder to make: model/, checkpoint/, held-out.jsonl, evaluation.html, train_rm.log."
    ),
    base: Path = typer.Option(
        help="The model to start from, as transformers loads it: Qwen2, Qwen3, Llama, Mistral or Gemma."
    ),
    name: str = typer.Option("writing-rm", help="Name of the model in every reply."),
    epochs: int = typer.Option(1, min=1),
    batch_size: int = typer.Option(32, min=1, help="Pairs of an update."),
    micro_batch_size: int = typer.Option(8, min=1, help="Pairs of a forward pass."),
    lr: float = typer.Option(1e-5, help="Learning rate."),
    max_len: int = typer.Option(
        1024, min=16, help="Tokens of prompt and response; pairs with a longer text are left out."
    ),
    held_out: float = typer.Option(0.1, min=0.01, max=0.9, help="Share of prompts that training does not see."),
    seed: int = typer.Option(0),
    license: str = typer.Option("", help="Licence of the weights (SPDX)."),
    device: str = _DEVICE,
    flag: list[str] = typer.Option([], help="One of train_rm's own, after an =: --ds.adam_offload."),
) -> None:
    """Train with OpenRLHF's train_rm (on a GPU if there is one), export, and evaluate on held-out prompts."""
    from trainer.commands.quiet import quiet_libraries
    from trainer.reward_model.export import export_reward_model
    from trainer.reward_model.train import TrainSettings
    from trainer.reward_model.train import train as fit

    if not (base / "config.json").is_file():
        raise Mistake(
            f"--base {base}: no config.json there: give the folder of a model (rlmr models get smollm2 makes one)"
        )
    quiet_libraries()
    settings = TrainSettings(epochs, batch_size, micro_batch_size, lr, max_len, held_out, seed, more=tuple(flag))
    parts = fit(pairs, base, out, settings, lambda step, of: typer.echo(f"step {step} of {of}", err=True))
    note = f"{len(parts.train)} pairs of {pairs.name}"
    reference = read_reference(out / "held-out.jsonl") if parts.held else None
    export_reward_model(
        out / "checkpoint", out / "model", name=name, reference=reference, data_note=note, license=license, max_tokens=max_len, overwrite=True,
        device=device,
    )  # fmt: skip
    left_out = f"; {parts.too_long} left out as longer than {max_len} tokens" if parts.too_long else ""
    typer.echo(f"{out / 'model'}: trained on {len(parts.train)} pairs, {len(parts.held)} held out{left_out}")
    if parts.held:
        evaluate(out / "model", out / "held-out.jsonl", out, device, "float32", 8192, seed)


@app.command("eval")
def evaluate(
    directory: Path = typer.Argument(help="An exported reward model."),
    pairs: Path = typer.Argument(
        help="Held-out pairs: ours, RewardBench 2, LitBench or WritingPreferenceBench, as JSONL."
    ),
    out: Path | None = typer.Option(None, help="Folder for evaluation.json and evaluation.html."),
    device: str = typer.Option("cpu", help="cpu, cuda or cuda:N."),
    dtype: str = typer.Option("float32", help="float32 or bfloat16."),
    max_batch_tokens: int = typer.Option(8192, min=1, help="Tokens of one forward pass."),
    seed: int = typer.Option(0, help="Of the bootstrap."),
) -> None:
    """Pair accuracy with intervals, with length kept apart, calibration, length bias, and how far bfloat16 moves a score."""
    from trainer.commands.quiet import quiet_libraries
    from trainer.reward_model.preference_files import read_held

    if dtype not in ("float32", "bfloat16"):
        raise Mistake(f"--dtype {dtype}: one of float32, bfloat16")
    quiet_libraries()
    held = read_held(pairs)
    from trainer.reward_model import evaluate as measuring

    found = measuring.evaluate(measuring.load(directory, device, dtype, max_batch_tokens), held, seed)
    found["drift"] = measuring.drift(directory, "bfloat16", device)
    for name, label in (("accuracy", "pair accuracy"), ("length_controlled", "length-controlled")):
        typer.echo(f"{label:<22}{_share(found[name])}")
    for group in ("by_domain", "by_language", "by_source"):
        for name, share in found[group].items():
            typer.echo(f"  {name:<20}{_share(share)}")
    typer.echo(f"{'calibration error':<22}{found['calibration']['expected_error']:.3f}")
    for name, change in found["length"]["altered"].items():
        typer.echo(f"{name:<22}{change['mean']:+.2f} std ({change['low']:+.2f} to {change['high']:+.2f})")
    moved = found["drift"]
    typer.echo(f"{'bfloat16 drift':<22}{moved['largest']:.4f} std at most: GOLDEN_TOLERANCE={moved['tolerance']:.3g}")
    if found["too_long"]:
        typer.echo(
            f"warning: {found['too_long']} pairs hold a text longer than the model takes and are not counted", err=True
        )
    if out:
        from trainer.reward_model.evaluation_page import write_page

        out.mkdir(parents=True, exist_ok=True)
        (out / "evaluation.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_page(found, pairs.name, out / "evaluation.html")
        typer.echo(f"report: {out / 'evaluation.html'}")


def _share(share: dict[str, Any] | None) -> str:
    if share is None:
        return "no pairs"
    return f"{share['value']:.3f} ({share['low']:.3f} to {share['high']:.3f}), {share['count']} pairs"


def read_reference(path: Path) -> list[Any]:
    """(prompt, response) pairs of a JSONL file. Raises Mistake with the number of the first bad line."""
    from pydantic import TypeAdapter, ValidationError

    from rlmr.wire import Prompt

    prompts: TypeAdapter[Any] = TypeAdapter(Prompt)
    pairs = []
    for where, row in read_json_lines(path):
        try:
            prompt = prompts.validate_python(row["prompt"])
            responses = [row[key] for key in ("response", "chosen", "rejected") if key in row]
            pairs += [(prompt, _response_text(response)) for response in responses]
        except (ValueError, KeyError, TypeError, IndexError, ValidationError) as exc:
            raise Mistake(f"{where}: {type(exc).__name__}: {exc}") from exc
        if not responses:
            raise Mistake(f"{where}: neither `response` nor `chosen` and `rejected`")
    return pairs


def _response_text(response: Any) -> str:
    """A string, or OpenRLHF's form of a response: a list with one assistant message."""
    return response if isinstance(response, str) else str(response[0]["content"])
