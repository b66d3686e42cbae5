"""The networks of one size, loaded and ready to play."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import torch

from jamd.contract.errors import EngineError
from jamd.contract.prompts import read_prompts
from model.adapters.base import base_hash
from model.checkpoint import load_weights, read_header
from model.codec import Codec
from model.codec.compiled import DecoderWeights, decoder_weights
from model.codec.compiled_tones import TonesWeights, tones_weights
from model.codec.tones import Tones
from model.config import CODEC, PLANNER, PLAYER, CodecConfig, PlannerConfig, PlayerConfig, TonesConfig
from model.generator.compiled_planner import CompiledPlannerCore, PlannerWeights, planner_weights
from model.generator.compiled_player import PlayerWeights, player_weights
from model.generator.frame import Frame
from model.generator.planner import Planner, PlannerCore, TorchPlannerCore
from model.generator.player import Player
from model.generator.voice import CompiledVoice, TorchVoice, Voice
from model.layers.nf4 import to_nf4
from model.layers.room import OwnRoom
from model.style.encoder import StyleEncoder, blend
from model.style.own import OwnStyle
from model.style.words import Style, read_style

WEIGHTS = Path(__file__).parents[1] / "weights"
PRECISIONS: Final = ("auto", "float32", "bf16", "nf4")


@dataclass(frozen=True)
class Models:
    """The networks of one size, ready to play."""

    name: str
    codec: Codec
    planner: Planner
    player: Player
    parameters: int = 0
    """Trained numbers of all three, counted before any rounding."""
    compiled: tuple[PlayerWeights, DecoderWeights] | None = None
    """Rounded weights for the compiled path; None: PyTorch plays."""

    compiled_planner: PlannerWeights | None = None
    tones: Tones | None = None
    """None: the codec is heard alone."""

    compiled_tones: TonesWeights | None = None
    style: StyleEncoder | None = None
    """None: styles are what the table of words knows."""

    precision: str = "float32"
    """Of the player's weights where PyTorch plays."""

    base: str = ""
    """`model.adapters.base.base_hash` of player and planner before any rounding; empty for untrained networks."""

    own: OwnStyle = field(default_factory=OwnStyle, repr=False, compare=False)
    """Of the adapters that sound, which play by it where no style is asked for."""

    room: OwnRoom = field(default_factory=OwnRoom, repr=False, compare=False)
    """Of the adapters that sound: their players' pedal and walls."""

    frames: list[Frame] = field(default_factory=list, repr=False, compare=False)
    """Of streams that have ended or are to come; on CUDA each with its graph."""

    @property
    def device(self) -> torch.device:
        """Where player and codec compute. The planner is on the CPU always: its many small steps are no work for a GPU."""
        return self.player.codebooks.device

    @property
    def style_width(self) -> int:
        """Of an embedding that both networks take; 0: there is none."""
        wanted = {self.planner.config.style_width, self.player.config.style_width if self.player.config.style_tokens else 0} - {0}
        return wanted.pop() if len(wanted) == 1 else 0

    @torch.no_grad()
    def read_style(self, text: str) -> Style:
        """A style from weighted prompts (see `read_prompts`); what is far from jazz does no harm.

        Raises:
            EngineError: the weights cancel out.
        """
        style, prompts = read_style(text), read_prompts(text)
        if self.style is None or not prompts:
            return style
        try:
            mixed = blend(self.style.embed_text([words for words, _ in prompts]), torch.tensor([weight for _, weight in prompts]))
        except ValueError as error:
            raise EngineError(f"style {text!r}: {error}", code="style") from error
        return replace(style, embedding=self.style.safe(mixed).numpy())

    def plan_core(self, seed: int) -> PlannerCore:
        """A new stream of the plan."""
        if self.compiled_planner is not None:
            return CompiledPlannerCore(self.planner, self.compiled_planner, seed)
        return TorchPlannerCore(self.planner, seed)

    def voice(self, seed: int) -> Voice:
        """A new stream of sound."""
        if self.compiled is not None:
            tones = (self.tones, self.compiled_tones) if self.tones is not None and self.compiled_tones is not None else None
            return CompiledVoice(self.player, self.codec, self.compiled, seed, tones)
        frame = self.frames.pop() if self.frames else Frame(self.player, self.codec, tones=self.tones)
        voice = TorchVoice(self.player, self.codec, seed, frame)
        weakref.finalize(voice, self.frames.append, frame).atexit = False
        return voice

    def prepare(self, streams: int) -> None:
        """Make ready for so many streams at once, so that on CUDA none waits for the capture of a graph."""
        if self.compiled is None:
            while len(self.frames) < streams:
                self.frames.append(Frame(self.player, self.codec, tones=self.tones))


def choose(wanted_device: str, wanted_precision: str, parameters: int) -> tuple[torch.device, str]:
    """Device and precision for a player with so many parameters; "auto" is settled.

    A network no larger than `small` plays faster than real time on a CPU, by the path that is tested most: it stays there unless
    asked away. The precision "auto" stays where compiled kernels may play, which is on a CPU.

    Raises:
        EngineError: there is no such device here, or no such precision.
    """
    if wanted_precision not in PRECISIONS:
        raise EngineError(f"no precision {wanted_precision!r}: there are {', '.join(PRECISIONS)}", code="precision")
    here = torch.cuda.is_available()
    if wanted_device == "auto":
        with torch.device("meta"):
            small = sum(p.numel() for p in Player(PLAYER["small"]).parameters())
        wanted_device = "cuda" if here and parameters > small else "cpu"
    try:
        device = torch.device(wanted_device)
    except RuntimeError:
        raise EngineError(f"no device {wanted_device!r}: there are auto, cpu, cuda", code="device") from None
    if device.type == "cuda" and not here:
        raise EngineError(f"no CUDA device: torch {torch.__version__} sees none; cpu or auto plays on the CPU", code="device")
    if device.type != "cpu" and wanted_precision == "auto":
        bf16 = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
        return device, "bf16" if bf16 else "float32"
    return device, wanted_precision


def _ready(
    name: str,
    networks: tuple[Codec, Planner, Player],
    tones: Tones | None,
    style: StyleEncoder | None,
    compiled: bool | None,
    device: str,
    precision: str,
) -> Models:
    """Networks with float32 weights, put where and made what they play as."""
    codec, planner, player = networks
    modules = [module for module in (codec, planner, player, tones) if module is not None]
    for module in modules:
        module.eval().requires_grad_(False)
    parameters = sum(p.numel() for module in modules for p in module.parameters())
    place, precision = choose(device, precision, sum(p.numel() for p in player.parameters()))
    fits = place.type == "cpu" and precision == "auto"
    if compiled and not fits:
        raise ValueError(f"compiled kernels play int8 on a CPU, not {precision} on {place}")
    if compiled is False or not fits:
        precision = "float32" if precision == "auto" else precision
        if precision != "float32":
            for parameter in player.parameters():  # and not the codec's vectors, which are buffers
                parameter.data = parameter.data.bfloat16()
        codec.to(place)
        player.to(place)
        if tones is not None:
            tones.to(place)
        if precision == "nf4":
            to_nf4(player)
        plan = None if compiled is False and place.type == "cpu" else planner_weights(planner)
        return Models(name, codec, planner, player, parameters, None, plan, tones, None, style, precision)
    weights = player_weights(player), decoder_weights(codec)
    own = None if tones is None else tones_weights(tones)
    return Models(name, codec, planner, player, parameters, weights, planner_weights(planner), tones, own, style, "int8")


def random_models(preset: str = "small", device: str = "cpu", precision: str = "float32", player: PlayerConfig | None = None) -> Models:
    """Untrained networks of a preset, ready to play noise: for measuring sizes that have no weights.

    Args:
        preset: of `PLAYER`; codec and planner are `small` where there is none of this name.
        player: sizes to take instead of the preset's.

    Raises:
        EngineError: see `choose`.
    """
    config = player or PLAYER[preset]
    with torch.device("meta"):
        count = sum(p.numel() for p in Player(config).parameters())
    place, _ = choose(device, precision, count)
    planner = Planner(PLANNER.get(preset, PLANNER["small"]))
    with torch.device(place):  # on a GPU a large network is there in no time
        codec, network = Codec(CODEC.get(preset, CODEC["small"])), Player(config)
        with torch.no_grad():
            codec.decoder.leave.weight.normal_(std=0.02)
            for book in codec.quantizer.books():
                book.codes.normal_()
        network.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    return _ready(preset, (codec, planner, network), None, None, None, str(place), precision)


def load_models(
    name: str = "small", folder: Path | None = None, *, compiled: bool | None = None, device: str = "cpu", precision: str = "auto"
) -> Models:
    """Load `NAME-codec`, `NAME-planner` and `NAME-player` safetensors from the weights folder, `NAME-tones` and `NAME-style` if there.

    Args:
        name: a size that ships, or the path of a folder that holds the three files as codec, planner, player.
        compiled: play with int8 weights and compiled kernels, which is what a CPU does fastest; False: plain PyTorch; None:
            compiled on a CPU unless a precision is asked for.
        device: auto, cpu, cuda or what else `torch.device` takes; see `choose`.
        precision: of the player in PyTorch: float32, bf16, nf4; auto: bf16 on a GPU that has it.

    Raises:
        EngineError: a file is missing, damaged or does not fit; there is no such device; nf4 without bitsandbytes.
    """
    base = folder or WEIGHTS
    paths = {kind: base / f"{name}-{kind}.safetensors" for kind in ("codec", "planner", "player")}
    if Path(name).is_dir():
        paths = {kind: Path(name) / f"{kind}.safetensors" for kind in paths}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise EngineError(f"no weights for model {name!r}: {missing[0]} is missing", code="weights")
    headers = {kind: read_header(path) for kind, path in paths.items()}
    codec = Codec(CodecConfig.from_dict(headers["codec"]["config"]))
    planner = Planner(PlannerConfig.from_dict(headers["planner"]["config"]))
    player = Player(PlayerConfig.from_dict(headers["player"]["config"]))
    for kind, module in (("codec", codec), ("planner", planner), ("player", player)):
        load_weights(paths[kind], module)
    style_path, tones_path = (paths["codec"].with_name(paths["codec"].name.replace("codec", kind)) for kind in ("style", "tones"))
    style = StyleEncoder.load(style_path) if style_path.is_file() else None
    tones = None
    if tones_path.is_file():
        tones = Tones(TonesConfig.from_dict(read_header(tones_path)["config"]))
        load_weights(tones_path, tones)
        tones.orchestra()  # takes a second, which the first note need not wait
    whole = base_hash({"player": player, "planner": planner})  # while the weights are whole
    return replace(_ready(name, (codec, planner, player), tones, style, compiled, device, precision), base=whole)
