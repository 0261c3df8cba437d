"""The alerts of the rendered chart, checked and unit-tested by promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.render import ROOT, render

CASES = Path(__file__).with_name("alerts_test.yaml")


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The spec of the rendered PrometheusRule, which is what Prometheus gets."""
    documents = render({"monitoring": {"prometheusRule": {"enabled": True}}})
    (spec,) = [d["spec"] for d in documents if d["kind"] == "PrometheusRule"]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def alerts(rules: Path) -> list[dict]:
    return [rule for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules(rules: Path) -> None:
    assert f"{len(alerts(rules))} rules found" in promtool("check", "rules", str(rules))


def test_alerts_fire_and_stay_silent_as_they_should(rules: Path, tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASES.read_text().replace("rule_files: [RULES]", f"rule_files: [{rules}]"))
    assert "SUCCESS" in promtool("test", "rules", str(cases))


def test_every_alert_is_tested_both_ways(rules: Path) -> None:
    checks = [c for case in yaml.safe_load(CASES.read_text())["tests"] for c in case["alert_rule_test"]]
    fired = {c["alertname"] for c in checks if c["exp_alerts"]}
    silent = {c["alertname"] for c in checks if not c["exp_alerts"]}
    assert fired == silent == {rule["alert"] for rule in alerts(rules)}


def test_every_alert_has_a_severity_and_a_runbook_that_exists(rules: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in alerts(rules):
        assert rule["labels"]["severity"] in {"critical", "warning"}
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]
