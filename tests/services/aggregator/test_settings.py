"""Every setting comes from the environment, is checked at start, and a mistake is named."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.aggregator.settings import AggregatorSettings
from tests.service_process import ROOT


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMR_API_KEY", raising=False)
    settings = AggregatorSettings()
    assert (settings.strategy, settings.port) == ("rlmr", 8000)
    assert settings.bound("rlmr", {}).params.model_dump() == {
        "name": "rlmr",
        "gamma": 1.0,
        "gamma_unit": "reference",
        "gamma_floor": 0.01,
        "delta_min": 0.0,
    }
    assert settings.bearer() is None


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RLMR_AGGREGATOR_WRITING_RM_URL": "http://rm:8001/",
        "RLMR_AGGREGATOR_STRATEGY": "linear",
        "RLMR_AGGREGATOR_WEIGHT": "2.5",
        "RLMR_AGGREGATOR_ALL_HIGH": "1.5",
        "RLMR_API_KEY": "one",
    }.items():
        monkeypatch.setenv(name, value)
    settings = AggregatorSettings()
    assert settings.writing_rm_url == "http://rm:8001"
    assert settings.bound("linear", {}).params.model_dump() == {"name": "linear", "weight": 2.5}
    assert settings.filter().all_high == 1.5
    assert settings.bearer() == "one"
    monkeypatch.setenv("RLMR_AGGREGATOR_UPSTREAM_API_KEY", "two")
    assert AggregatorSettings().bearer() == "two"


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_API_KEY", "")
    assert AggregatorSettings().api_key is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "rlrm"},
        {"gamma": -1},
        {"gamma": float("nan")},
        {"writing_rm_url": "rm:8001"},
        {"all_high": 0, "all_low": 1},
        {"min_valid": 0},
        {"min_valid_share": 1.5},
    ],
)
def test_mistakes_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        AggregatorSettings(**wrong)


def test_a_mistake_ends_the_start_with_the_name_of_the_variable() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rlmr", "serve", "aggregator"],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "RLMR_AGGREGATOR_STRATEGY": "rlrm"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 2
    assert "RLMR_AGGREGATOR_STRATEGY" in run.stderr
    assert "quality_only" in run.stderr
    assert "Traceback" not in run.stderr


def test_every_setting_is_documented() -> None:
    readme = (Path(ROOT) / "services" / "aggregator" / "README.md").read_text()
    for name, field in AggregatorSettings.model_fields.items():
        assert field.description, name
        variable = f"RLMR_{name.upper()}" if name.startswith("api_key") else f"RLMR_AGGREGATOR_{name.upper()}"
        assert variable in readme, f"{variable} is missing from services/aggregator/README.md"
