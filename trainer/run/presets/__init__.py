"""Presets: a run as a YAML file. `load_preset("embedded", ["lr=1e-4", "openrlhf.eval.steps=10"])`."""

from trainer.run.presets.schema import EvalSettings, Preset, PresetError, TrainOn, load_preset, preset_names, preset_of

__all__ = ["EvalSettings", "Preset", "PresetError", "TrainOn", "load_preset", "preset_names", "preset_of"]
