"""The alerts of the rendered chart, checked and unit-tested by promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.render import ROOT, merge, render
from tests.chart.variants import VARIANTS

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
    return write_rules(tmp_path, {})


def write_rules(folder: Path, values: dict[str, Any]) -> Path:
    on = {"monitoring": {"prometheusRule": {"enabled": True}}}
    documents = render(merge(values, on), release="r", namespace="ns")
    (spec,) = [d["spec"] for d in documents if d["kind"] == "PrometheusRule"]
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def unit_test(cases: Path, rules: Path, folder: Path) -> None:
    written = folder / "cases.yaml"
    written.write_text(cases.read_text().replace("rule_files: [RULES]", f"rule_files: [{rules}]"))
    assert "SUCCESS" in promtool("test", "rules", str(written))


def alerts(rules: Path) -> list[dict]:
    return [rule for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules(rules: Path) -> None:
    assert f"{len(alerts(rules))} rules found" in promtool("check", "rules", str(rules))


def test_alerts_fire_and_stay_silent_as_they_should(rules: Path, tmp_path: Path) -> None:
    unit_test(CASES, rules, tmp_path)


def test_scale_to_zero_pages_nobody_unless_somebody_asks(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, VARIANTS["keda-from-zero"])
    unit_test(CASES.with_name("alerts_at_zero_test.yaml"), rules, tmp_path)


def test_runbooks_are_links_on_a_page_of_the_operators_own(tmp_path: Path) -> None:
    page = "https://wiki.example.com/rlmr"
    rules = write_rules(tmp_path, {"monitoring": {"prometheusRule": {"runbookUrl": page}}})
    assert {r["annotations"]["runbook_url"].partition("#")[0] for r in alerts(rules)} == {page}


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
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]
