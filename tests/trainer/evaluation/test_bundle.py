"""A run as one file, checked by whoever has it: everything comes out again, or what does not is named."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.data.scripted_endpoint import endpoint
from tests.trainer.evaluation import haiku

NAMES = ("Voice", "Form")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    checklist = [{"name": name, "criteria_description": "d"} for name in NAMES]
    rows = [{"index": n, "query": f"Write {n}", "domain1": f"d{n % 2}", "checklist": checklist} for n in range(6)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for requirement in ("style", "format", "length"):
        within = folder / "requirement" / requirement
        within.mkdir(parents=True)
        for file in ("subset", "subset_C"):
            (within / f"{requirement}_{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:3]))
    (folder / "responses.jsonl").write_text(
        "".join(json.dumps({"index": n, "response": f"t{n}"}) + "\n" for n in range(6))
    )
    replies = ["what?" if n == 4 else json.dumps({"score": 1 + n % 10, "reason": "r"}) for n in range(20)]
    with endpoint(lambda number, body: replies[number]) as (url, _):
        given = ("--data", folder / "data.jsonl", "--responses", folder / "responses.jsonl", "--out", folder / "run")
        judge = ("--judge-url", url, "--judge-model", "critic", "--judge-tries", "1", "--at-once", "1")
        code, printed = haiku.run("writingbench", *given, *judge, "--set", f"subsets={folder / 'requirement'}")
    assert code == 0, printed
    code, printed = haiku.run("bundle", folder / "run")
    assert code == 0, printed
    return folder / "run.zip"


def changed(bundle: Path, target: Path, name: str, change: Callable[[str], str], manifest: bool = False) -> Path:
    """The bundle with one member edited; with `manifest`, by someone who also mends the manifest."""
    import hashlib

    with zipfile.ZipFile(bundle) as file:
        members = {member: file.read(member).decode() for member in file.namelist()}
    assert change(members[name]) != members[name]
    members[name] = change(members[name])
    if manifest:
        told = json.loads(members["manifest.json"])
        told["files"][name] = hashlib.sha256(members[name].encode()).hexdigest()
        members["manifest.json"] = json.dumps(told)
    with zipfile.ZipFile(target, "w") as file:
        for member, text in members.items():
            file.writestr(member, text)
    return target


def test_an_untouched_bundle_comes_out_the_same_elsewhere(bundle: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.zip"
    moved.write_bytes(bundle.read_bytes())
    code, printed = haiku.run("verify", moved)
    assert code == 0, printed
    with zipfile.ZipFile(moved) as file:
        names = file.namelist()
        commands = file.read("run/commands.jsonl").decode()
    assert {"inputs/data/data.jsonl", "run/verdicts.jsonl", "prompts/writingbench.txt"} <= set(names)
    assert "inputs/option.subsets/style/style_subset_C.jsonl" in names
    assert "command" in commands


def test_the_same_run_makes_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    assert haiku.run("bundle", bundle.with_suffix(""), "--to", tmp_path / "again.zip")[0] == 0
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("run/results.json", '"value": 4', '"value": 5', "run/results.json: measures[overall]"),
        ("run/results.md", "overall", "overal", "run/results.md: is not the page"),
        ("run/index.html", "overall", "overal", "run/index.html: is not the page"),
        (
            "run/verdicts.jsonl",
            '"value": 4.0',
            '"value": 9.0',
            "question Form: 9.0 was counted, and it comes out as 4.0",
        ),
        ("run/verdicts.jsonl", '"reason": "r"', '"reason": "s"', "its reason or details come out otherwise"),
        (
            "run/verdicts.jsonl",
            '"unparseable": ',
            '"value": 3.0, "reason": "", "details": {}, "x": ',
            "the reply is unparseable",
        ),
        ("run/responses.jsonl", '"key": "5"', '"key": "4"', "key 4 is there twice"),
        ("run/settings.json", '"temperature": 1.0', '"temperature": 0.0', "another identity than the manifest"),
        ("inputs/data/data.jsonl", '"d0"', '"d1"', "inputs/data: is not what the settings name"),
    ],
)
def test_whoever_changes_something_is_found_out(
    bundle: Path, tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    """Also one who mends the manifest."""
    for mends in (False, True):
        target = changed(bundle, tmp_path / "changed.zip", name, lambda text: text.replace(old, new, 1), mends)
        code, printed = haiku.run("verify", target)
        assert code == 1, printed
        assert said in printed
        assert ("is not the file that was packed" in printed) != mends
        assert "Traceback" not in printed


def test_a_run_whose_data_changed_is_not_packed(bundle: Path) -> None:
    data = bundle.parent / "data.jsonl"
    before = data.read_text()
    data.write_text(before.replace("d0", "d9"))
    code, printed = haiku.run("bundle", bundle.with_suffix(""), "--to", bundle.parent / "no.zip")
    data.write_text(before)
    assert code == 2
    assert "data.jsonl: has changed since the run" in printed
    assert not (bundle.parent / "no.zip").exists()


def test_what_is_no_bundle_or_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no")
    for arguments in (("verify", tmp_path / "text.zip"), ("verify", tmp_path / "none.zip"), ("bundle", tmp_path)):
        code, printed = haiku.run(*arguments)
        assert code == 2
        assert "Traceback" not in printed and printed.startswith("error: ")


def test_pairwise_runs_are_packed_too(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"key": n, "prompt": f"p{n}"}) + "\n" for n in range(3)))
    given: list[object] = ["--data", tmp_path / "prompts.jsonl"]
    for name in ("a", "b"):
        rows = [{"key": n, "response": f"{name}{n}"} for n in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        given += ["--responses", f"{name}={tmp_path / name}.jsonl"]
    reply = json.dumps({"reason": "r", "winner": "A"})
    with endpoint(lambda number, body: reply) as (url, _):
        out = tmp_path / "run"
        assert haiku.run("pairwise", *given, "--judge-url", url, "--judge-model", "critic", "--out", out)[0] == 0
    assert haiku.run("bundle", out)[0] == 0
    code, printed = haiku.run("verify", tmp_path / "run.zip")
    assert code == 0, printed
    target = changed(
        tmp_path / "run.zip",
        tmp_path / "c.zip",
        "run/verdicts.jsonl",
        lambda t: t.replace('"value": 1.0', '"value": 0.5', 1),
        True,
    )
    assert "0.5 was counted, and the reply says 1.0" in haiku.run("verify", target)[1]
