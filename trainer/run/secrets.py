"""What must not stand in a file that people pass on (command.json, settings.json, report.html)."""

import re
from typing import Any

REDACTED = "(not kept)"
_SECRET = re.compile(r"(^|[._-])(key|api_?key|token|secret|password)$", re.IGNORECASE)
# input_key, label_key and the like name columns; best_metric_key a metric.
_HARMLESS = re.compile(r"(^|\.)(data\.\w*|ckpt\.\w*)key$")


def secret(name: str) -> bool:
    """`logger.wandb.key`, `api_token`, ...: whether a setting's name says that its value is one."""
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)


def redacted(value: Any) -> Any:
    """A copy in which every value under a secret name is replaced; null and empty ones say so themselves."""
    if isinstance(value, dict):
        return {k: REDACTED if v and secret(str(k)) else redacted(v) for k, v in value.items()}
    return [redacted(v) for v in value] if isinstance(value, list) else value


def redacted_command(arguments: list[str]) -> list[str]:
    """The same for `--name value` pairs of a command line."""
    return [
        REDACTED if i and arguments[i - 1].startswith("--") and secret(arguments[i - 1][2:]) else argument
        for i, argument in enumerate(arguments)
    ]
