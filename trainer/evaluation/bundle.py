"""`rlmr eval bundle`: a run as one file that a stranger can check: settings, inputs, prompts, responses, verdicts, commands, tables."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rlmr import __version__
from rlmr.mistake import Mistake
from trainer.evaluation.run_folder import content_hash, identity, read_settings
from trainer.evaluation.templating import OWN

FORMAT = 1
RUN = (
    "settings.json",
    "responses.jsonl",
    "verdicts.jsonl",
    "commands.jsonl",
    "results.json",
    "results.md",
    "index.html",
)
_STAMP = (1980, 1, 1, 0, 0, 0)
"""Of every member: the same run makes the same file."""


def pack(run: Path, target: Path) -> int:
    """Writes the bundle whole or not at all; returns the number of files. Raises Mistake, also for an input that has changed
    since the run."""
    settings = read_settings(run)
    inputs = _inputs(run, settings)
    members = sorted([*_own(run), *_below(inputs)])
    manifest = {
        "format": FORMAT,
        "rlmr": __version__,
        "identity": identity(settings),
        "inputs": {name: _place(name, path) for name, path in inputs.items()},
        "files": {name: content_hash(path) for name, path in members},
    }
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as file:
            _add(file, "manifest.json", (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
            for name, path in members:
                _add(file, name, path.read_bytes())
        unfinished.replace(target)
    except OSError as exc:
        raise Mistake(f"{target}: {exc.strerror}") from exc
    finally:
        unfinished.unlink(missing_ok=True)
    return len(members)


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, _STAMP)
    member.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(member, content)


def _own(run: Path) -> Iterator[tuple[str, Path]]:
    for name in RUN:
        if not (run / name).is_file():
            raise Mistake(f"{run / name}: is not there: finish the run with the same command first")
        yield f"run/{name}", run / name
    for prompt in OWN.glob("*.txt"):
        yield f"prompts/{prompt.name}", prompt


def _inputs(run: Path, settings: dict[str, object]) -> dict[str, Path]:
    found = {name: Path(place) for name, place in json.loads((run / "inputs.json").read_text(encoding="utf-8")).items()}
    for name, path in found.items():
        if content_hash(path) != hash_in(settings, name):
            raise Mistake(f"{path}: has changed since the run: put back what it was, or run again in another folder")
    return found


def _place(name: str, path: Path) -> str:
    return f"inputs/{name}/{path.name}" if path.is_file() else f"inputs/{name}"


def _below(inputs: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, path in inputs.items():
        place = _place(name, path)
        if path.is_file():
            yield place, path
        else:
            yield from ((f"{place}/{p.relative_to(path)}", p) for p in path.rglob("*") if p.is_file())


def hash_in(settings: dict[str, object], name: str) -> object:
    """What the settings say of an input."""
    if name == "data":
        return settings["data"]["sha256"]  # type: ignore[index]
    return settings["options"].get(name.removeprefix("option."))  # type: ignore[attr-defined]


def unpack(bundle: Path, folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Unpacks into `folder`: its inputs by name, and what is not as the manifest says. Raises Mistake for a file that is no
    bundle."""
    try:
        with zipfile.ZipFile(bundle) as file:
            names = file.namelist()
            file.extractall(folder)  # which keeps members inside the folder
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        told, inputs = manifest["files"], {name: folder / place for name, place in manifest["inputs"].items()}
        if manifest["format"] != FORMAT:
            raise Mistake(f"{bundle}: format {manifest['format']}: this rlmr reads {FORMAT}")
        settings = read_settings(folder / "run")
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as exc:
        raise Mistake(f"{bundle}: not a bundle of `rlmr eval bundle`: {exc}") from exc
    found = [f"{name}: is not in the manifest" for name in names if name not in told and name != "manifest.json"]
    for name, digest in told.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name}: is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found.append(f"{name}: is not the file that was packed")
    if manifest["identity"] != identity(settings):
        found.append("run/settings.json: has another identity than the manifest")
    return inputs, found
