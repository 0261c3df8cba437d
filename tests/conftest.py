"""The three real services together, started once for whoever asks for them."""

from tests.three_services import services, tiny_model_dir

__all__ = ["services", "tiny_model_dir"]
