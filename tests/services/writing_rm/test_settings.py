"""Settings: what is refused and why; every knob is in the README."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.writing_rm.settings import WritingRmSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dtype": "int8"}, "depend on its batch mates"),
        ({"dtype": "float64"}, "float32 or bfloat16"),
        ({"engine": "sglang"}, "ENGINE_URLS"),
        ({"engine_urls": ["http://a"]}, "engine is torch"),
        ({"engine": "vllm", "engine_urls": ["localhost:1"]}, "not a base URL"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WritingRmSettings(model_dir=Path("m"), **values)


def test_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMR_WRITING_RM_MODEL_DIR", "/models/m")
    monkeypatch.setenv("RLMR_WRITING_RM_ENGINE", "sglang")
    monkeypatch.setenv("RLMR_WRITING_RM_ENGINE_URLS", "http://a:1/, http://b:2")
    settings = WritingRmSettings()  # type: ignore[call-arg]
    assert settings.engine_urls == ["http://a:1", "http://b:2"]
    assert str(settings.model_dir) == "/models/m"


@pytest.mark.parametrize(
    ("values", "tolerance"),
    [({}, 1e-3), ({"dtype": "bfloat16"}, 1e-2), ({"engine": "vllm", "engine_urls": ["http://a"]}, 1e-2)],
)
def test_tolerance_is_tight_where_the_numbers_are_exact(values: dict[str, Any], tolerance: float) -> None:
    assert WritingRmSettings(model_dir=Path("m"), **values).tolerance() == tolerance
    assert WritingRmSettings(model_dir=Path("m"), golden_tolerance=0.2, **values).tolerance() == 0.2


def test_every_setting_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "services" / "writing_rm" / "README.md").read_text()
    missing = [
        name
        for name in WritingRmSettings.model_fields
        if f"`{'RLMR_' if name.startswith('api_key') else ''}{name.upper()}`" not in readme
    ]
    assert not missing
