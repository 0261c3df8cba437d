"""checkov on the rendered chart: nothing but the findings that are accepted in writing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from deploy.render import ROOT, render
from tests.chart.variants import VARIANTS

ACCEPTED = yaml.safe_load(Path(__file__).with_name("accepted-findings.yaml").read_text())


def checkov() -> str:
    own = ROOT / ".venv-checkov/bin/checkov"
    found = os.environ.get("CHECKOV") or (str(own) if own.exists() else shutil.which("checkov"))
    if not found:
        pytest.skip(
            "checkov is not installed (`make test-chart` puts it into .venv-checkov, apart from everything else)"
        )
    return found


def test_only_accepted_findings(tmp_path: Path) -> None:
    for name in ("cpu", "production-gpu"):
        documents = "\n---\n".join(yaml.safe_dump(d) for d in render(VARIANTS[name]))
        (tmp_path / f"{name}.yaml").write_text(documents)
    options = [
        "--framework",
        "kubernetes",
        "--skip-download",
        "--quiet",
        "--compact",
        "--soft-fail",
        "--output",
        "json",
    ]
    done = subprocess.run([checkov(), "-d", str(tmp_path), *options], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 500
    found: dict[str, set[str]] = defaultdict(set)
    for finding in report["results"]["failed_checks"]:
        kind, _, resource = finding["resource"].split(".", 2)
        found[finding["check_id"]].add(f"{kind}/{resource}")
    assert found == {check: set(entry["resources"]) for check, entry in ACCEPTED.items()}
    assert all(entry["reason"] for entry in ACCEPTED.values())
