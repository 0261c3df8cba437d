"""docs/operations.md as an operator follows it: every command and every piece of values there fits this chart."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.render import CHART, ROOT, merge, render, render_texts, values_of
from tests.chart.variants import MODELS

PAGE = (ROOT / "docs/operations.md").read_text()
# What the reader fills in.
GIVEN = {"COMMIT-2": "c2" * 20, "COMMIT": "c1" * 20, "ORG/": "example/"}


def blocks() -> list[str]:
    """Indented code, one text a block."""
    found = re.findall(r"(?:^    .*\n)(?:^(?:    .*)?\n)*", PAGE, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in found]


def commands(program: str) -> list[list[str]]:
    text = "\n".join(blocks()).replace("\\\n", " ")
    for name, value in GIVEN.items():
        text = text.replace(name, value)
    return [shlex.split(line) for line in text.splitlines() if line.startswith(f"{program} ")]


def values_given(command: list[str]) -> dict[str, Any]:
    files = [Path(command[i + 1]) for i, word in enumerate(command) if word == "-f"]
    assert all((ROOT / file).parent == CHART for file in files)
    values = values_of([file.name for file in files])
    for i, word in enumerate(command):
        if word == "--set":
            path, _, text = command[i + 1].partition("=")
            given: Any = yaml.safe_load(text) if not path.endswith((".tag", ".revision")) else text
            for key in reversed(path.split(".")):
                given = {key: given}
            values = merge(values, given)
    return values


def test_every_installation_and_upgrade_renders() -> None:
    seen = [c for c in commands("helm") if c[1] in ("install", "upgrade")]
    assert len(seen) >= 4
    for command in seen:
        assert command[2:4] == ["rlmr", "helm/rlmr"]
        assert render(values_given(command)), command


def test_the_objects_that_kubectl_is_asked_for_are_the_charts_own() -> None:
    documents = render(values_of(["values-cpu.yaml"]))
    kinds = {d["kind"].lower() for d in documents} | {"secret", "namespace", "hpa", "pods", "scaledobject"}
    for command in commands("kubectl"):
        if "-l" in command:
            label, _, _ = command[command.index("-l") + 1].partition("=")
            assert label in documents[0]["metadata"]["labels"] or label == "app.kubernetes.io/component"
        for verb in ("create", "describe"):
            if verb in command:
                assert command[command.index(verb) + 1].rstrip("s") in {k.rstrip("s") for k in kinds}, command


@pytest.mark.parametrize("block", [b for b in blocks() if b.startswith(("writingRms:", "aggregators:"))])
def test_values_on_the_page_are_values_of_the_chart(block: str) -> None:
    for name, value in GIVEN.items():
        block = block.replace(name, value)
    assert render(merge(values_of(["values-gpu.yaml"], MODELS), yaml.safe_load(block)))


def test_every_value_named_on_the_page_exists() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    tops = "|".join(values)
    for path in set(re.findall(rf"`((?:{tops})(?:\.[A-Za-z]+)+)[:`]", PAGE)):
        node: Any = values
        for key in path.split("."):
            assert key in node, path
            node = node[key]


def test_files_and_folders_on_the_page_exist() -> None:
    for path in set(re.findall(r"`?((?:deploy|helm|tests|docs)/[\w./-]+\w)", PAGE)):
        assert (ROOT / path).exists(), path


def test_kustomizations_are_what_the_page_applies() -> None:
    for folder in re.findall(r"kubectl apply -k (\S+?)`", PAGE):
        assert (ROOT / folder / "kustomization.yaml").exists()
    assert "helm.sh/hook" not in "".join(p.read_text() for p in (ROOT / "deploy/k8s/cpu").glob("*.yaml"))
    assert "NOTES.txt" in render_texts({})
