"""Addresses and fences for code that numba compiles."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer_of(typing_context: Any, address: Any) -> Any:
    """An integer as a pointer to bytes."""
    if not isinstance(address, types.Integer):
        return None
    signature = types.voidptr(address)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return signature, generate


@intrinsic
def fence(typing_context: Any) -> Any:
    """A full memory fence."""
    signature = types.void()

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return signature, generate
