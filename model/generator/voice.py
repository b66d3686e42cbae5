"""What turns controls and plan into sound, frame by frame: player and codec decoder behind one interface.

`CompiledVoice` is for a CPU: int8 weights, kernels compiled by numba. `TorchVoice` is PyTorch on any device; on CUDA each
frame is one graph (see `model.cuda_graph`). Both give a frame's audio one frame late.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from model.codec import Codec
from model.codec.compiled import CompiledDecoder, DecoderWeights
from model.codec.compiled_tones import CompiledToneDecoder, TonesWeights
from model.codec.tones import Tones
from model.generator.compiled_player import CompiledPlayer, PlayerWeights
from model.generator.frame import Frame
from model.generator.player import Player

Floats = NDArray[np.float32]


class Voice(Protocol):
    """One stream of sound."""

    def play(
        self, controls: Floats, roll: Floats, temperature: float, top_p: float, guidance: float, excitation: Floats | None = None
    ) -> Floats:
        """The next frame.

        Shape: controls [1, CONTROL_WIDTH], roll [1, ROLL_WIDTH], excitation [SOURCES, 640] of the planned notes or None for
        silence (see `model.layers.chamber`), result [640, 2].
        """

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> Floats:
        """Go on after given frames. Shapes: codes [steps, levels or more], controls and roll [steps, ...].

        Returns: audio of those frames but the last, [640, 2] the newest: what `play` would have given with the last of them.
        """

    def set_style(self, style: Floats | None) -> None:
        """From the next frame on. Shape: [style width]."""

    @property
    def codes(self) -> NDArray[np.int64]:
        """What the last `play` drew. Shape: [levels]."""


class CompiledVoice:
    """On the CPU, from weights that all voices share."""

    def __init__(
        self,
        player: Player,
        codec: Codec,
        weights: tuple[PlayerWeights, DecoderWeights],
        seed: int,
        tones: tuple[Tones, TonesWeights] | None = None,
    ) -> None:
        self.player = CompiledPlayer(player, weights[0])
        self.decoder = CompiledDecoder(codec, weights[1]) if tones is None else CompiledToneDecoder(codec, tones[0], weights[1], tones[1])
        self.rng = np.random.Generator(np.random.SFC64(seed))
        self.codes = np.zeros(player.config.levels, np.int64)

    def _sound(self, codes: NDArray[np.int64], roll: Floats, excitation: Floats | None) -> Floats:
        if isinstance(self.decoder, CompiledToneDecoder):
            return self.decoder.tone_step(codes, roll, excitation, self.rng)
        return self.decoder.step(codes)

    def play(
        self, controls: Floats, roll: Floats, temperature: float, top_p: float, guidance: float, excitation: Floats | None = None
    ) -> Floats:
        self.codes = self.player.step(controls, roll, self.rng, temperature, top_p, guidance)
        return self._sound(self.codes, roll, excitation)

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> Floats:
        self.player.feed(codes[:, : self.player.config.levels], controls, roll)
        out = np.zeros((self.decoder.hop, 2), np.float32)
        for index, row in enumerate(codes[:, : self.player.config.levels]):
            out = self._sound(row, roll[index : index + 1], None)
        return out

    def set_style(self, style: Floats | None) -> None:
        self.player.set_style(style)


class TorchVoice:
    """In PyTorch on the device of the networks."""

    def __init__(self, player: Player, codec: Codec, seed: int, frame: Frame | None = None) -> None:
        self.frame = Frame(player, codec) if frame is None else frame
        self.frame.restart(seed)

    def play(
        self, controls: Floats, roll: Floats, temperature: float, top_p: float, guidance: float, excitation: Floats | None = None
    ) -> Floats:
        frame = self.frame
        if excitation is None:
            frame.excitation.zero_()
        else:
            frame.excitation.copy_(torch.from_numpy(excitation)[None])
        frame.controls.copy_(torch.from_numpy(controls)[None])
        frame.roll.copy_(torch.from_numpy(roll)[None])
        frame.temperature.fill_(temperature)
        frame.top_p.fill_(top_p)
        frame.guidance.fill_(guidance)
        frame()
        return frame.audio[0].T.contiguous().cpu().numpy()  # type: ignore[no-any-return]

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> Floats:
        out = np.zeros((0, 2), np.float32)
        for index in range(len(codes)):
            self.frame.given.copy_(torch.from_numpy(codes[index, : self.frame.given.shape[-1]]))
            out = self.play(controls[index : index + 1], roll[index : index + 1], 1.0, 1.0, 1.0)
        self.frame.given.fill_(-1)
        return out

    def set_style(self, style: Floats | None) -> None:
        self.frame.set_style(None if style is None else torch.from_numpy(style).to(self.frame.controls.device))

    @property
    def codes(self) -> NDArray[np.int64]:
        return self.frame.codes[0, 0].cpu().numpy()
