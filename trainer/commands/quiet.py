"""Keeps libraries from talking over a command's own progress: their bars and notes go, warnings and errors stay."""

import logging
import os


def quiet_libraries() -> None:
    """To be called before transformers and deepspeed are imported. What is set in the environment already wins."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Else each retry of a name that nobody has is a warning of two lines.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # transformers imports deepspeed if it is there; on a machine without a GPU it then warns that it found none.
    logging.getLogger("DeepSpeed").addFilter(lambda record: "Setting accelerator to CPU" not in record.getMessage())
