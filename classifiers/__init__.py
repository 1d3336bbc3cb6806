"""Face classifiers: architectures, trained weights and the engines that run them."""

from classifiers.engines import ENGINES, Engine, create_engine
from classifiers.model_spec import ModelError, ModelSpec, find_model, shipped_models

__all__ = ["ENGINES", "Engine", "ModelError", "ModelSpec", "create_engine", "find_model", "shipped_models"]
