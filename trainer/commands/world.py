"""`rlmr world`: build, show and locate the embedded story world."""

import typer

app = typer.Typer(
    name="world",
    help="The embedded story world: prompts, policy, reward model.",
    no_args_is_help=True,
    add_completion=False,
)

_SEED = typer.Option(0, help="Every seed is another world.")


@app.command()
def build(seed: int = _SEED) -> None:
    """Build the world of a seed, unless it is cached, and print what it measures (about three minutes on two cores)."""
    from rich.console import Console

    from trainer.commands.quiet import quiet_libraries
    from trainer.world.build import build_world

    quiet_libraries()
    console = Console()
    world = build_world(seed=seed, console=console)
    console.print(_table(world.stats))
    console.print(f"world: {world.root}", highlight=False, soft_wrap=True)


@app.command()
def path(seed: int = _SEED) -> None:
    """Print the folder of a world, building it first if it is not cached (progress goes to standard error)."""
    from rich.console import Console

    from trainer.commands.quiet import quiet_libraries
    from trainer.world.build import build_world

    quiet_libraries()
    typer.echo(build_world(seed=seed, console=Console(stderr=True)).root)


@app.command()
def show(
    seed: int = _SEED, stories: int = typer.Option(5, help="Stories to print, from the worst to the best.")
) -> None:
    """Print prompts of the world, stories of every quality with their ingredients, and the figures if it is built."""
    import json
    import random

    from rich.console import Console
    from rich.table import Table

    from trainer.world.build import world_path
    from trainer.world.prompts import careless_text, draw_prompts
    from trainer.world.quality import features

    console = Console()
    drawn = draw_prompts(random.Random(seed), 40, "show-", set())
    table = Table("prompt", "an answer that obeys", title="Prompts", show_lines=True)
    for prompt, text in drawn[:6]:
        table.add_row(prompt.text, text)
    console.print(table, markup=False)

    rng = random.Random(seed)
    texts = sorted((careless_text(rng, p.character) for p, _ in drawn), key=lambda text: features(text).quality)
    table = Table("quality", "imagery", "variety", "coherence", "arc", "story", title="Stories", show_lines=True)
    for i in range(stories):
        text = texts[i * (len(texts) - 1) // max(1, stories - 1)]
        found = features(text)
        numbers = (found.quality, found.imagery, found.variety, found.coherence, found.arc)
        table.add_row(*(f"{number:.2f}" for number in numbers), text)
    console.print(table)

    file = world_path(seed) / "world.json"
    if file.exists():
        console.print(_table(json.loads(file.read_text(encoding="utf-8"))))
    else:
        console.print(f"not built yet: rlmr world build --seed {seed}")


def _table(stats: dict) -> object:  # type: ignore[type-arg]
    from rich.table import Table

    table = Table("figure", "value", title=f"World of seed {stats['seed']}")
    for part in ("policy", "reward_model", "prompts", "seconds"):
        for name, value in stats[part].items():
            table.add_row(f"{part}: {name}", str(value))
    return table
