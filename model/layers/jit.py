"""How kernels are compiled by numba: once for each machine, then read from its cache."""

from __future__ import annotations

from typing import Any, Final

KERNEL: Final[dict[str, Any]] = {
    "fastmath": {"reassoc", "contract", "nsz", "arcp"}, "cache": True, "nogil": True, "error_model": "numpy",
}  # fmt: skip
"""Of what Python calls. Sums may be taken in any order, but a kernel takes them in the same order always."""
PART: Final = KERNEL | {"forceinline": True}
"""Of what kernels call. It becomes part of each of them. As a function of its own it would be compiled twice, by itself and within its
caller, and which of the two is heard would hang on whether it was just compiled or came from the cache."""
