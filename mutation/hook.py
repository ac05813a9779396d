"""One module of the program with another source, in this process only; no file is changed."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType


def compiled(path: Path, source: str) -> CodeType:
    """The code of a source; that a change looks odd (`x is "word"`) does not make it wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return compile(source, str(path), "exec", dont_inherit=True)


class _Loader(SourceLoader):
    """Loads one module from text; its `__file__` is that of the unchanged file."""

    def __init__(self, path: Path, source: str) -> None:
        self._path, self._source = path, source

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._source.encode()

    def get_code(self, fullname: str) -> CodeType:
        return compiled(self._path, self._source)


class Replaced(MetaPathFinder):
    """Finds one module, and gives it the source it is told to."""

    def __init__(self, module: str, path: Path, source: str) -> None:
        self.module, self._loader = module, _Loader(path, source)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec; None for every other module."""
        if fullname != self.module:
            return None
        return importlib.util.spec_from_loader(fullname, self._loader)


def replace(module: str, path: Path, source: str) -> None:
    """From now on, `import module` runs `source`.

    Raises:
        RuntimeError: it is imported already, so that others may hold what it defined.
    """
    if module in sys.modules:
        raise RuntimeError(f"{module} is imported already")
    sys.meta_path.insert(0, Replaced(module, path, source))
