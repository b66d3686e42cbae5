"""How fast the codec codes and decodes on one core, in processor time: what else the machine does counts little."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from jamd.contract.units import SAMPLE_RATE
from model.codec import Codec
from model.codec.compiled import CompiledDecoder, decoder_weights

REPEATS: Final = 3


def measure_speed(codec: Codec, audio: NDArray[Any], repeats: int = REPEATS) -> dict[str, float]:
    """Encode and decode with all levels on one thread, as multiples of real time: seconds of sound by seconds of processor time.

    Args:
        codec: ready to run, on the CPU.
        audio: what is coded, shape [samples, 2], one hop or more; what goes beyond whole hops is left out.
        repeats: the median counts, after one run to warm up.

    Returns:
        By name: streaming (a hop of 13.3 ms at a time, encoder then decoder), batch (all at once), of the streaming parts
        the encoder and the decoder alone, and the compiled decoder that a CPU plays with.

    Raises:
        ValueError: less than a hop of sound.
    """
    hop = codec.config.hop
    samples = len(audio) // hop * hop
    if samples == 0:
        raise ValueError(f"{len(audio)} samples are less than a hop of {hop}")
    batch = torch.from_numpy(np.asarray(audio[:samples], np.float32).T.copy())[None]
    hops = [batch[:, :, start : start + hop] for start in range(0, samples, hop)]
    spent = {"encoder": 0.0, "decoder": 0.0}

    def stream() -> None:
        encoder, decoder = codec.make_encoder_state(), codec.make_decoder_state()
        begin = time.thread_time()
        codes = [codec.encode_step(part, encoder) for part in hops]
        middle = time.thread_time()
        for part in codes:
            codec.decode_step(part, decoder)
        spent["encoder"], spent["decoder"] = middle - begin, time.thread_time() - middle

    codes = codec.encode(batch)[0].numpy()
    weights = decoder_weights(codec)

    def compiled() -> None:
        decoder = CompiledDecoder(codec, weights)
        for row in codes:
            decoder.step(row)

    def whole() -> None:
        codec.decode(codec.encode(batch))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = samples / SAMPLE_RATE
        streaming = _median(stream, repeats)
        parts = {f"streaming, {name} alone": seconds / value for name, value in spent.items()}
        parts["streaming, compiled decoder alone"] = seconds / _median(compiled, repeats)
        return {"streaming": seconds / streaming, **parts, "batch": seconds / _median(whole, repeats)}
    finally:
        torch.set_num_threads(threads)


def _median(work: Callable[[], None], repeats: int) -> float:
    """Median seconds of some runs."""
    work()
    out = []
    for _ in range(max(repeats, 1)):
        begin = time.thread_time()
        work()
        out.append(time.thread_time() - begin)
    return float(np.median(out))
