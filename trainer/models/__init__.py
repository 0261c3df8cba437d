"""Pretrained models from package registries, as ordinary checkpoints on disk."""
