"""Lets the real sglang server start on a machine without CUDA. Copied into sglang's environment and imported by a .pth line.

sglang imports, at module level, packages that exist only as CUDA builds or that need a matching torchvision. With
SGLANG_USE_CPU_ENGINE=1 none of what it imports there is called for a text model. Each such package is replaced by an empty one
whose every attribute is an inert class, so that `from sgl_kernel.x import y` and `class A(y)` work. Unsupported by sglang:
for tests, with the pinned version.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ABSENT = frozenset({"sgl_kernel", "timm", "torchaudio", "torchvision"})


class _InertType(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert


class Inert(metaclass=_InertType):
    """Takes any arguments, does nothing; as a decorator it returns itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> "Inert":
        return self


class _InertModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in ABSENT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _InertModule(spec.name)
        module.__path__ = []
        module.__version__ = "0.0"  # type: ignore[attr-defined]
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


sys.meta_path.append(_Finder())
