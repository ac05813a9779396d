"""How numba compiles what only compiled code calls: to be linked into its callers, and nothing else.

By itself, numba optimizes each function together with all that it calls and makes machine code of it, and
then does so again in each of its callers. Here only what Python calls becomes machine code. This rests on
inner names of numba (of 0.68); `compiled` does without where they are missing.
"""

from __future__ import annotations

from typing import Any, Final

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import (
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    TranslateByteCode,
)


class Linked(JITCodeLibrary):  # type: ignore[misc]
    """Code that is linked into that of its callers."""

    def _optimize_final_module(self) -> None:
        """Whoever is called by Python is optimized with all that it calls."""

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Null: there is no machine code."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """What is told the address of constants, which machine code would need."""
        return self

    def set_env(self, env_name: str, env: object) -> None:
        """Nobody needs the address."""


@register_pass(mutates_CFG=True, analysis_only=False)
class LinkedLowering(NativeLowering):  # type: ignore[misc]
    """Makes a `Linked` library of the function."""

    _name = "linked_lowering"

    def run_pass(self, state: Any) -> bool:
        """As it says."""
        state.library = Linked(state.targetctx.codegen(), state.func_id.func_qualname)
        return bool(super().run_pass(state))


PASSES: Final = (
    *(TranslateByteCode, FixupArgs, IRProcessing, GenericRewrites, ReconstructSSA),
    *(NopythonTypeInference, PreLowerStripPhis, IRLegalization, LinkedLowering, NoPythonBackend),
)


class LinkedCompiler(CompilerBase):  # type: ignore[misc]
    """The passes of numba that plain scalar code needs, without those for closures, literals and the like."""

    def define_pipelines(self) -> list[PassManager]:
        """One pipeline."""
        passes = PassManager("linked")
        for made in PASSES:
            passes.add_pass(made, made.__name__)
        passes.finalize()
        return [passes]
