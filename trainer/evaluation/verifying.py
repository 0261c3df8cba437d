"""`rlmr eval verify`: everything in a bundle that can be computed again is, and what comes out otherwise is named."""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake, read_json
from services import PluginError
from trainer.evaluation import pairwise, pairwise_page
from trainer.evaluation import results as tables
from trainer.evaluation.benchmark import Benchmark, Item, Unparseable, whole
from trainer.evaluation.bundle import hash_in, unpack
from trainer.evaluation.judging import questions
from trainer.evaluation.registry import load, names
from trainer.evaluation.run_folder import Run, content_hash, read_run
from trainer.evaluation.templating import own_hash


def verify(bundle: Path) -> list[str]:
    """What differs; empty if nothing does. Raises Mistake for a file that is no bundle."""
    with tempfile.TemporaryDirectory(prefix="rlmr-bundle-") as place:
        folder = Path(place)
        inputs, found = unpack(bundle, folder)
        try:
            run = read_run(folder / "run")
            stored = read_json(folder / "run" / "results.json", dict)
            found += list(_inputs(inputs, run.settings))
            again = (
                _pairwise(inputs, run, found)
                if run.settings["benchmark"] == "pairwise"
                else _benchmark(inputs, run, found)
            )
        except PluginError:
            raise  # nothing was compared
        except Mistake as exc:
            return [*found, str(exc).replace(f"{folder}/", "")]
        figures = json.loads(json.dumps({name: value for name, value in again[0].items() if name != "units"}))
        found += [f"run/results.json: {where}" for where in _unlike(stored, figures)]
        for name, text in again[1].items():
            if (folder / "run" / name).read_bytes() != text.encode("utf-8", "backslashreplace"):
                found.append(f"run/{name}: is not the page of these figures")
        return found


Again = tuple[dict[str, Any], dict[str, str]]
"""Figures, and the pages made of them."""


def _inputs(inputs: Mapping[str, Path], settings: dict[str, Any]) -> Iterator[str]:
    for name, path in inputs.items():
        if content_hash(path) != hash_in(settings, name):
            yield f"inputs/{name}: is not what the settings name"


def _benchmark(inputs: Mapping[str, Path], run: Run, found: list[str]) -> Again:
    settings = run.settings
    if settings["benchmark"] not in names():
        raise Mistake(f"the benchmark {settings['benchmark']} is not installed here")
    benchmark = load(settings["benchmark"])
    options = {
        name: str(inputs[f"option.{name}"]) if value and benchmark.options[name].path else value
        for name, value in settings["options"].items()
    }
    revision = benchmark.revision(options)
    if revision != settings["revision"]:
        found.append(f"revision: the run's is {settings['revision']!r}, here is {revision!r}: other figures may follow")
    items = benchmark.read(inputs["data"], options)[: settings["limit"]]
    found += list(_verdicts(run, benchmark, items))
    again = tables.results(run, benchmark, items, options)
    return again, {
        "results.md": tables.markdown(again),
        "index.html": tables.render("evaluation.html.jinja", found=again),
    }


def _verdicts(run: Run, benchmark: Benchmark, items: list[Item]) -> Iterator[str]:
    """Every verdict from its reply, or by the program, once more."""
    known = set()
    for item, response, question in questions(run, benchmark, items):
        known.add((item.key, question.id))
        row = run.verdicts.get((item.key, question.id))
        if row is None:
            continue
        where = f"run/verdicts.jsonl: key {item.key}, question {question.id}"
        try:
            reply = None if question.messages is None else whole(row["reply"], row["finished"])
            verdict = benchmark.verdict(item, response, question, reply)
        except Unparseable as exc:
            if "value" in row:
                yield f"{where}: {row['value']} was counted, and the reply is unparseable: {exc}"
            continue
        if "value" not in row:
            yield f"{where}: counted as unparseable, and the reply says {verdict.value}"
        elif row["value"] != verdict.value:
            yield f"{where}: {row['value']} was counted, and it comes out as {verdict.value}"
        elif row["reason"] != verdict.reason or _plain(row["details"]) != _plain(verdict.details):
            yield f"{where}: its reason or details come out otherwise"
    for key, question_id in run.verdicts.keys() - known:
        yield f"run/verdicts.jsonl: key {key}, question {question_id}: nobody asks this"


def _pairwise(inputs: Mapping[str, Path], run: Run, found: list[str]) -> Again:
    revision = f"1, prompts {own_hash('pairwise.txt')}"
    if revision != run.settings["revision"]:
        found.append(f"revision: the run's is {run.settings['revision']!r}, here is {revision!r}")
    prompts = pairwise.read_prompts(inputs["data"], run.settings["limit"])
    texts: dict[str, dict[str, str]] = {name: {} for name in run.settings["responses"]}
    for key, row in run.responses.items():
        name, _, prompt = key.partition("/")
        texts[name][prompt] = row["response"]
    for (key, question), row in run.verdicts.items():
        where = f"run/verdicts.jsonl: key {key}, {question}"
        try:
            got, _ = pairwise.read_winner(whole(row["reply"], row["finished"]))
        except Unparseable:
            got = None
        if got != row.get("value"):
            found.append(f"{where}: {row.get('value')} was counted, and the reply says {got}")
    again = pairwise.results(run.settings, prompts, texts, run.verdicts)
    return again, pairwise_page.pages(again)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _unlike(stored: Any, again: Any, where: str = "") -> Iterator[str]:
    """Numbers are alike within 1e-9: another machine may round the last bit otherwise."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for name in dict.fromkeys((*stored, *again)):
            yield from _unlike(stored.get(name), again.get(name), f"{where}.{name}" if where else name)
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for number, pair in enumerate(zip(stored, again, strict=True)):
            label = pair[1].get("name", number) if isinstance(pair[1], dict) else number
            yield from _unlike(*pair, f"{where}[{label}]")
    elif (
        isinstance(stored, float)
        and isinstance(again, float)
        and math.isclose(stored, again, rel_tol=1e-9, abs_tol=1e-9)
    ):
        return
    elif stored != again:
        yield f"{where} is {_short(stored)}, and comes out as {_short(again)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
