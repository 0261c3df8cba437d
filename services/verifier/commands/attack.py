"""`rlmr attack`: try to talk a live verifier or judge round."""

import typer


def attack(
    url: str = typer.Option(help="Address of the verifier, e.g. http://rlmr:8002."),
    limit: float = typer.Option(0.0, min=0, max=1, help="Highest false-pass rate allowed in any family, 0 to 1."),
    rules_only: bool = typer.Option(False, help="Leave out the targets on which a judge has the last word."),
    key: str | None = typer.Option(None, envvar="RLMR_API_KEY", help="Bearer key of the verifier."),
    answered: float = typer.Option(
        0.9, min=0, max=1, help="Least share of each family's attacks that must get a verdict, 0 to 1."
    ),
    show: int = typer.Option(3, min=0, help="False passes shown per family."),
) -> None:
    """Send a corpus of attacks, none of which obeys its constraint, and print the false-pass rate of each family.

    The rate is over the attacks that got a verdict; the others are shown beside it with their status.

    Exit code 0: no family above the limit, 1: one is above it, 2: not measured (verifier unreachable, or too few verdicts).
    """
    from rlmr.mistake import Mistake
    from services.verifier.attack.run import run

    results = run(url, key=key, judge=not rules_only)
    typer.echo(f"{'family':<18} {'asked':>6} {'answered':>9} {'false passes':>13} {'rate':>7}  without a verdict")
    for r in results:
        rate = "-" if r.rate is None else f"{r.rate:.2%}"
        silent = ", ".join(f"{n} {status}" for status, n in sorted(r.statuses.items())) or "-"
        typer.echo(f"{r.family:<18} {r.asked:>6} {r.answered:>9} {r.false_passes:>13} {rate:>7}  {silent}")
        for a in r.passed[:show]:
            typer.echo(f"    passed: {a.target.name}: {a.response[:100]!r}")
    unmeasured = ", ".join(r.family for r in results if r.answered < answered * r.asked)
    too_few = f"too few attacks got a verdict: {unmeasured} (no judge? use --rules-only)"
    if any(r.rate is not None and r.rate > limit for r in results):
        if unmeasured:
            typer.echo(f"warning: {too_few}", err=True)
        raise typer.Exit(1)
    if unmeasured:
        raise Mistake(too_few)
