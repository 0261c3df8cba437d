"""What is looked at before the first GPU-minute, each failure with its remedy. What needs no service comes first."""

import os
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlmr.client import NoAnswer, RlmrClient
from services.aggregator.strategies import installed
from trainer.run.presets import Preset, PresetError

ROOM = 2e9
"""Bytes that a run's disk must have at least; checkpoints of a large policy need far more."""


def check_strategy(strategy: dict[str, Any]) -> None:
    """Name and parameters, if the strategy is installed here; one that is not is known to the service only, which is asked later."""
    if "name" not in strategy:
        raise PresetError("strategy needs a name: --set strategy=rlmr")
    known = installed().get(strategy["name"])
    if known is None:
        return
    try:
        known.params.model_validate(strategy)
    except ValidationError as exc:
        told = "; ".join(
            f"strategy.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False)
        )
        takes = ", ".join(sorted(known.parameters)) or "none"
        raise PresetError(f"{told} (parameters of {strategy['name']}: {takes})") from exc


def check_prompts(count: int, preset: Preset) -> None:
    if count < preset.batch:
        raise PresetError(
            f"{count} prompts to train on are fewer than one batch of {preset.batch}: add prompts (rlmr data), or lower batch"
        )


def check_room(run: Path) -> None:
    place = run
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise PresetError(f"{place} cannot be written to: choose another folder with --runs")
    free = shutil.disk_usage(place).free
    if free < ROOM:
        raise PresetError(
            f"{place} has {free / 1e9:.1f} GB left, a run needs {ROOM / 1e9:.0f} at least: make room, or use --runs"
        )


def check_services(url: str) -> None:
    """That an aggregator answers and is ready. Its key, strategy and filter are tried with a small group (pinning.py)."""
    with RlmrClient(url, timeout=5, retries=0) as client:
        try:
            ready, reasons = client.ready()
        except NoAnswer as exc:
            raise PresetError(f"no aggregator at {url} ({exc}): check reward_url, or see `rlmr doctor`") from exc
    if not ready:
        raise PresetError(f"the aggregator at {url} is not ready: {'; '.join(reasons)}; see `rlmr doctor`")
