"""`rlmr constraints diff`: two versions of IFEval's or IFBench's checkers on the same responses."""

import json
from dataclasses import asdict
from pathlib import Path

import typer


def diff(
    a: str = typer.Argument(help="A version: reference, fixed, reference@COMMIT or fixed@N."),
    b: str = typer.Argument(help="Another one."),
    responses: Path = typer.Option(help="JSONL with {key, response} or {prompt, response} a line."),
    data: Path | None = typer.Option(
        None, help="The benchmark's own file; without it each response has its instruction_id_list and kwargs."
    ),
    output: Path | None = typer.Option(None, help="Write accuracies and every difference as JSON."),
    show: int = typer.Option(20, min=0, help="Differences shown, with the reasons of both."),
) -> None:
    """Which verdicts differ between two versions of a benchmark's checkers, and by how much the benchmark moves.

    Exit code 0: compared, 2: a version is unknown, or a file cannot be read.
    """
    from services.verifier.accuracy.version_diff import compare_versions

    found = compare_versions(a, b, responses, data)
    if output is not None:
        report = json.dumps({"a": a, "b": b, **asdict(found)}, indent=1, ensure_ascii=False) + "\n"
        output.write_text(report, encoding="utf-8")
    for d in found.differences[:show]:
        for version, verdict in ((a, d.a), (b, d.b)):
            said = "passed" if verdict.strict.passed else "passed loosely" if verdict.loose else "violated"
            typer.echo(f"{d.key:>8} {d.id:<44} {version:<18} {said}: {verdict.strict.reason}")
    if len(found.differences) > show:
        typer.echo(f"... and {len(found.differences) - show} more (--show, --output)")
    typer.echo("")
    for id, (up, down) in found.by_id().items():
        typer.echo(f"{id:<48} {up:>4} now passed  {down:>4} now violated (strict)")
    typer.echo(f"\n{'':<20} {a:>18} {b:>18} {'moves by':>10}")
    for name, before in asdict(found.a).items():
        after = getattr(found.b, name)
        typer.echo(f"{name:<20} {before:>18.2%} {after:>18.2%} {100 * (after - before):>+9.2f} points")
    counted = f"{found.prompts} prompts, {found.instructions} instructions"
    typer.echo(f"{len(found.differences)} verdicts differ; {counted}")
