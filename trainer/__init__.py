"""The GRPO trainer: unmodified OpenRLHF with RLMR's group agent, presets, the embedded story world and reports."""
