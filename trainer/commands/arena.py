"""`rlmr arena`: people compare texts blindly on a web page of this machine."""

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlmr.mistake import Mistake

if TYPE_CHECKING:
    import socket

    from trainer.arena.state import State

app = typer.Typer(
    name="arena", help="Blind pairwise votes by people, on a web page.", no_args_is_help=True, add_completion=False
)

_STATE = typer.Option(None, help="The file of state; default: FOLDER/arena.sqlite.")


@app.command()
def serve(
    folder: Path = typer.Argument(help="prompts.jsonl ({id, prompt} a line) and one NAME.jsonl ({id, response}) per arm."),
    raters: int = typer.Option(3, min=0, max=1000, help="Links there should be at least."),
    rater: list[str] = typer.Option([], help="A rater by name, besides; may be repeated."),
    state: Path | None = _STATE,
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for others, behind a proxy with TLS."),
    port: int = typer.Option(8090, min=0, max=65535, help="TCP port; 0 takes a free one."),
    public_url: str = typer.Option("", help="How raters reach the server, if not by HOST:PORT: https://arena.example.org"),
    pairs: int | None = typer.Option(None, min=1, help="Pairs of a rater; default: all. (fixed at the first start)"),
    votes: int | None = typer.Option(None, min=1, help="Raters of a pair before a new one is begun, with --pairs; default 3. (fixed)"),
    repeats: float | None = typer.Option(None, min=0, max=1, help="Share of pairs that come again, hidden; default 0.1. (fixed)"),
    least_seconds: float | None = typer.Option(None, min=0, max=600, help="Least reading time of a pair; default 5. (fixed)"),
    tag: list[str] = typer.Option([], help="A reason to choose from, instead of ours; may be repeated. (fixed)"),
    seed: int | None = typer.Option(None, help="Of everything drawn; default 0. (fixed)"),
) -> None:  # fmt: skip
    """Serve the page and print every link. Stopped and started again, or killed, it goes on where it was."""
    from pydantic import ValidationError

    from trainer.arena.opening import open_state
    from trainer.arena.state import FILE

    given = {"pairs": pairs, "votes": votes, "repeats": repeats, "least_seconds": least_seconds, "tags": tuple(tag) or None, "seed": seed}  # fmt: skip
    try:
        opened = open_state(state or folder / FILE, folder, {k: v for k, v in given.items() if v is not None}, rater)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise Mistake(f"--{'tag' if first['loc'][0] == 'tags' else first['loc'][0]}: {first['msg']}") from exc
    taken = {rater.name for rater in opened.raters()}
    free = (name for number in itertools.count(1) if (name := f"rater {number}") not in taken)
    for _ in range(raters - len(taken)):
        opened.add_rater(next(free))
    _serve(opened, host, port, public_url)


@app.command()
def demo(
    folder: Path = typer.Argument(Path("arena-demo"), help="Folder to make, or to go on with."),
    port: int = typer.Option(8090, min=0, max=65535, help="TCP port; 0 takes a free one."),
) -> None:
    """A first look: six prompts in three languages, two arms, two raters."""
    from trainer.arena.making import copy_demo
    from trainer.arena.opening import open_state
    from trainer.arena.state import FILE

    copy_demo(folder)
    fresh = not (folder / FILE).exists()
    opened = open_state(
        folder / FILE, folder, {"repeats": 0.3, "least_seconds": 2} if fresh else {}, ["you", "a friend"]
    )
    _serve(opened, "127.0.0.1", port, "")


@app.command()
def make(
    folder: Path = typer.Argument(help="Folder to make."),
    answers: list[str] = typer.Argument(
        help="Two files or more, [NAME=]FILE: {prompt, response} a line (`rlmr data answers`), or a run's before.json and after.json."
    ),
    prompts: int | None = typer.Option(None, min=1, help="So many prompts, drawn; default: all."),
    seed: int = typer.Option(0, help="Of the draw."),
) -> None:
    """The folder for `rlmr arena serve` out of answers to the same prompts, one arm per file."""
    from trainer.arena.making import make_folder

    arms: dict[str, Path] = {}
    for given in answers:
        name, _, file = given.rpartition("=")
        path = Path(file)
        name = name or path.stem
        if name in arms or name == "prompts" or "/" in name:
            raise Mistake(f"{given}: there is an arm {name!r} already, or it cannot be a file's name: say NAME=FILE")
        arms[name] = path
    made = make_folder(folder, arms, prompts, seed)
    typer.echo(f"{folder}: {made.prompts} prompts, arms {', '.join(sorted(arms))}")
    if made.left_out:
        typer.echo(f"warning: {made.left_out} prompts are not answered in every file and were left out", err=True)


@app.command()
def export(
    folder: Path = typer.Argument(help="The arena's folder."),
    out: Path = typer.Argument(help="Folder for votes.csv, arena.json and pairs.jsonl."),
    state: Path | None = _STATE,
) -> None:
    """Votes as CSV and JSON, and preference pairs for `rlmr rm train`; also while the page is served."""
    from trainer.arena.export import FILES
    from trainer.arena.state import FILE, State

    opened = State(state or folder / FILE)
    out.mkdir(parents=True, exist_ok=True)
    for name, (make, _) in FILES.items():
        draft = out / f".{name}"
        draft.write_text(make(opened), encoding="utf-8", newline="")
        draft.replace(out / name)
        typer.echo(f"{out / name}")


def _serve(state: "State", host: str, port: int, public_url: str) -> None:
    from trainer.arena.app import serve as run

    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    address = public_url.rstrip("/") or f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{bound}"
    if host not in ("127.0.0.1", "localhost", "::1") and not address.startswith("https://"):
        typer.echo("warning: links and votes travel unencrypted: put a proxy with TLS in front, and name it by --public-url", err=True)  # fmt: skip
    raters = state.raters()
    width = max(len(name) for name in ["standing", *(rater.name for rater in raters)])
    typer.echo(f"{'standing':<{width}}  {address}/admin#{state.admin_key}")
    for rater in raters:
        typer.echo(f"{rater.name:<{width}}  {address}/rate#{rater.token}  {rater.done} of {rater.tasks}")
    typer.echo(f"serving {state.path} until Ctrl-C")
    sys.stdout.flush()
    run(state, listener)


def _listen(host: str, port: int) -> "socket.socket":
    import socket

    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as exc:
        raise Mistake(f"--host {host} --port {port}: {exc.strerror}: choose another") from exc
