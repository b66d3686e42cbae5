"""Kernels just compiled play what they play when they come from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DECODE = """
import hashlib
import numpy as np
from model.checkpoint import load_weights, read_header
from model.codec import Codec
from model.codec.compiled import CompiledDecoder
from model.config import CodecConfig
from model.generator.models import WEIGHTS

path = WEIGHTS / "small-codec.safetensors"
codec = Codec(CodecConfig.from_dict(read_header(path)["config"]))
load_weights(path, codec)
decoder = CompiledDecoder(codec.eval())
codes = np.random.default_rng(1).integers(0, codec.config.codebook_size, (40, 4))
print(hashlib.sha256(np.concatenate([decoder.step(row) for row in codes]).tobytes()).hexdigest())
"""


def test_the_first_run_after_an_installation_gives_the_same_bytes(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = []
    for _ in range(2):
        runs.append(subprocess.check_output([sys.executable, "-c", DECODE], env=environment, text=True, timeout=240))
        assert list(tmp_path.rglob("*.nbc")), "nothing was compiled"
    assert runs[0] == runs[1]
