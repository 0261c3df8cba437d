"""OpenRLHF's loggers (TensorBoard, wandb) as it has them, with one difference: their errors cost curves and never the run.

A full disk or a tracker's server that is away raises inside OpenRLHF's step otherwise."""

from typing import Any

from trainer.grpo.recorder import tell_once


class Unfailing:
    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def log_train(self, step: int, logs: dict[str, Any]) -> None:
        self._try("log_train", step, logs)

    def log_eval(self, step: int, logs: dict[str, Any]) -> None:
        self._try("log_eval", step, logs)

    def close(self) -> None:
        self._try("close")

    def _try(self, method: str, *args: Any) -> None:
        try:
            getattr(self.logger, method)(*args)
        except Exception as exc:  # noqa: BLE001 - training is worth more than its curves
            tell_once(f"{type(self.logger).__name__} could not write", exc)


def unfailing(logger: Any | None) -> Unfailing | None:
    return None if logger is None else Unfailing(logger)
