"""The tiny reward models of the service's tests."""

from tests.services.writing_rm.conftest import checkpoint_of, model_dir, model_dir_of

__all__ = ["checkpoint_of", "model_dir", "model_dir_of"]
