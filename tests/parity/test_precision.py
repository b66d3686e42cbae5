"""The GPU path's arithmetic, proved as far as a CPU can: bf16 and NF4 near float32, a frame that a CUDA graph can hold.

What needs a GPU stands at the end and is left out where there is none.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from jamd.contract.config import EngineConfig, load_config
from jamd.contract.errors import ConfigError, EngineError
from model.codec import Codec
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PLAYER, CodecConfig, PlayerConfig
from model.generator import frame as frame_module
from model.generator.frame import Frame
from model.generator.models import PRECISIONS as PRECISION_NAMES
from model.generator.models import Models, choose, load_models, random_models
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.nf4 import to_nf4, weight_bytes

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=2, latent=16, levels=3, codebook_size=64, bands=8)
PLAN = PlayerConfig(
    width=128, layers=4, heads=2, feedforward=512, window=24, levels=3, codebook_size=64, latent=16, depth_width=32, style_width=12,
    style_tokens=2, cross_every=2,
)  # fmt: skip
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
PRECISIONS = ["float32", "bf16", "nf4"]


def make(precision: str = "float32", device: str = "cpu") -> tuple[Player, Codec]:
    """The same networks in any precision."""
    torch.manual_seed(3)
    codec, player = Codec(CODEC).eval().requires_grad_(False), Player(PLAN).eval().requires_grad_(False)
    codec.decoder.leave.weight.normal_(std=0.05)
    for book in codec.quantizer.books():
        book.codes.normal_()
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    for name, parameter in player.named_parameters():
        if "norm" not in name:
            parameter.normal_(std=parameter.shape[-1] ** -0.5)
    if precision != "float32":
        for parameter in player.parameters():
            parameter.data = parameter.data.bfloat16()
    codec.to(device)
    player.to(device)
    if precision == "nf4":
        assert to_nf4(player) == 4 * 4 + 2 * 3
    return player, codec


def inputs(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    roll = torch.rand(count, 1, 1, ROLL_WIDTH, generator=generator)
    return torch.randn(count, 1, 1, CONTROL_WIDTH, generator=generator), roll * (roll < 0.03)


def listen(frame: Frame) -> list[Tensor]:
    """Logits of every draw to come."""
    heard: list[Tensor] = []
    draw: Callable[[Tensor], Tensor] = frame._draw

    def spy(logits: Tensor) -> Tensor:
        heard.append(logits.clone())
        return draw(logits)

    frame._draw = spy  # type: ignore[method-assign]
    return heard


def held(frame: Frame) -> dict[str, int]:
    """Addresses of everything that a frame keeps, the networks' weights included."""
    found: dict[str, int] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            found[name] = value.data_ptr()
        elif isinstance(value, torch.nn.Module):
            for key, tensor in [*value.named_parameters(), *value.named_buffers()]:
                found[f"{name}.{key}"] = tensor.data_ptr()
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                visit(f"{name}[{index}]", item)
        elif hasattr(value, "__dataclass_fields__"):
            for key in value.__dataclass_fields__:
                visit(f"{name}.{key}", getattr(value, key))

    for name, value in vars(frame).items():
        visit(name, value)
    return found


def play(frame: Frame, count: int, given: Tensor | None = None) -> Tensor:
    controls, roll = inputs(count)
    out = []
    for index in range(count):
        frame.controls.copy_(controls[index])
        frame.roll.copy_(roll[index])
        if given is not None:
            frame.given.copy_(given[index])
        frame()
        out.append(frame.codes[0, 0].clone())
    return torch.stack(out)


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.02), ("nf4", 0.2)])
def test_logits_are_near_those_of_float32(precision: str, bound: float) -> None:
    """Over the same codes, past the turn of the ring, with guidance and a style."""
    given = torch.randint(0, 64, (40, 3), generator=torch.Generator().manual_seed(1))
    style = torch.nn.functional.normalize(torch.randn(12, generator=torch.Generator().manual_seed(2)), dim=0)
    heard = []
    for kind in ("float32", precision):
        frame = Frame(*make(kind))
        frame.set_style(style)
        frame.guidance.fill_(2.0)
        logits = listen(frame)
        play(frame, 40, given)
        assert frame.keys[0].dtype is frame.memory[0][0].dtype is (torch.float32 if kind == "float32" else torch.bfloat16)
        heard.append(torch.stack(logits))
    assert heard[1].dtype is torch.float32
    assert (heard[1] - heard[0]).norm() / heard[0].norm() < bound
    first, second = (torch.log_softmax(logits, dim=-1) for logits in heard)
    assert (first.exp() * (first - second)).sum(dim=-1).mean() < 3 * bound**2 * heard[0].var()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_long_stream_stays_finite_and_in_its_place(precision: str) -> None:
    """300 frames; knobs and styles change; nothing that the frame keeps is made anew."""
    frame = Frame(*make(precision))
    frame()  # bitsandbytes lays out its weights for some processors at the first call
    frame.restart(1)
    addresses = held(frame)
    assert len(addresses) > 60
    for part in range(6):
        frame.temperature.fill_(0.5 + part / 4)
        frame.top_p.fill_(1.0 - part / 10)
        frame.guidance.fill_(1.0 + part / 2)
        frame.set_style(None if part % 2 else torch.eye(12)[part])
        codes = play(frame, 50)
        assert ((codes >= 0) & (codes < 64)).all()
        for tensor in (frame.audio, frame.history, *frame.keys, *frame.values):
            assert tensor.isfinite().all()
    assert int(frame.place) == 300
    assert held(frame) == addresses


class Watch(TorchDispatchMode):
    """Notes every operation with the shapes, types and addresses of what it is given from outside the step."""

    def __init__(self, known: set[int], device: str) -> None:
        super().__init__()
        self.known, self.device = known, device
        self.steps: list[tuple[Any, ...]] = []
        self.made: set[int] = set()
        self.kept: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        noise = func is torch.ops.aten.exponential_.default and self.device == "meta"  # drawn by no generator there
        out = args[0] if noise else func(*args, **kwargs)
        results = [x for x in tree_leaves(out) if isinstance(x, Tensor)]
        assert all(x.device.type == self.device for x in [*given, *results]), func
        if self.device != "meta":
            for tensor in given:
                assert {tensor.untyped_storage().data_ptr()} <= self.known | self.made, f"{func} reads what the frame does not hold"
            self.made.update(x.untyped_storage().data_ptr() for x in results)
            self.kept += results
        self.steps.append((str(func), *[(tuple(x.shape), x.dtype) for x in [*given, *results]]))
        return out


SYNCHRONISING = (
    "_local_scalar_dense",
    "nonzero",
    "is_nonzero",
    "masked_select",
    "unique",
    "lift_fresh",
    "equal",
    "_index_put",
    "repeat_interleave",
)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_every_frame_runs_the_same_operations_on_the_same_tensors(precision: str) -> None:
    """So one capture holds whatever is played: no value is looked at, no shape depends on one, no tensor comes from outside."""
    frame = Frame(*make(precision))
    known = {
        tensor.untyped_storage().data_ptr()
        for tensor in tree_leaves([list(vars(frame).values()), frame._decoder.tail, [x.past for x in frame._decoder.stack.blocks]])
        if isinstance(tensor, Tensor)
    }
    for network in (frame.player, frame.codec):
        known |= {tensor.untyped_storage().data_ptr() for tensor in [*network.parameters(), *network.buffers()]}
    seen = []
    for index in range(30):
        if index % 3 == 1:
            frame.temperature.fill_(index % 2)
            frame.top_p.fill_(0.9)
            frame.guidance.fill_(1.0 + index)
            frame.set_style(torch.eye(12)[index % 12] if index % 2 else None)
            frame.given.fill_(index % 4 - 1)
            frame.controls.normal_()
        with Watch(known, "cpu") as watch:
            frame()
        seen.append(watch.steps)
    assert all(steps == seen[0] for steps in seen[1:])
    assert not [step for step in seen[0] if any(word in step[0] for word in SYNCHRONISING)]


def test_a_frame_elsewhere_never_touches_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the device that only knows shapes: a tensor from the CPU in a step would be a copy that no graph can hold."""
    generator = torch.Generator()
    with torch.device("meta"):
        codec, player = Codec(CODEC).requires_grad_(False), Player(PLAN).requires_grad_(False)
    for parameter in player.parameters():
        parameter.data = parameter.data.bfloat16()
    with monkeypatch.context() as patch:
        patch.setattr(frame_module.torch, "Generator", lambda device: generator)
        frame = Frame(player, codec)
    with Watch(set(), "meta") as watch:
        frame()
        frame()
    assert watch.steps[: len(watch.steps) // 2] == watch.steps[len(watch.steps) // 2 :]


def test_knobs_are_heard_at_once() -> None:
    frame = Frame(*make("bf16"))

    def codes(temperature: float, style: Tensor | None) -> Tensor:
        frame.restart(5)
        frame.temperature.fill_(temperature)
        frame.set_style(style)
        return play(frame, 12)

    plain = codes(0.0, None)
    assert torch.equal(plain, codes(0.0, None))
    assert not torch.equal(plain, codes(1.0, None))
    assert not torch.equal(plain, codes(0.0, torch.eye(12)[3]))


# --- NF4 ------------------------------------------------------------------------------------------------------------------


def test_nf4_weighs_about_a_quarter_of_bf16_and_says_nearly_the_same() -> None:
    plain, _ = make("bf16")
    packed, _ = make("nf4")
    large = [(a, b) for a, b in zip(plain.modules(), packed.modules(), strict=True) if type(a) is not type(b)]
    assert len(large) == 22
    assert sum(weight_bytes(b) for _, b in large) / sum(weight_bytes(a) for a, _ in large) == pytest.approx(0.5625 / 2, abs=0.005)
    for a, b in large:
        assert 0.05 < (weigh(b) - a.weight.float()).norm() / a.weight.float().norm() < 0.12
    x = torch.randn(2, 20, 128, dtype=torch.bfloat16, generator=torch.Generator().manual_seed(0))
    memory = plain.transformer.remember(torch.randn(2, 2, 128, dtype=torch.bfloat16, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        exact, rounded = plain.transformer(x, memory).float(), packed.transformer(x, memory).float()
    assert 0.0 < (rounded - exact).norm() / exact.norm() < 0.2
    kept = {name for name, module in packed.named_modules() if type(module) is torch.nn.Linear}
    assert {"enter", "controls", "roll", "style", "head.hidden", "head.out.0"} <= kept
    assert not {name for name in kept if name.startswith("transformer.")}


def weigh(packed: Any) -> Tensor:
    """The weights that a packed layer multiplies with, seen from outside. Shape: [outputs, inputs]."""
    packed.train()  # bitsandbytes then leaves the weights in the order of every device
    with torch.no_grad():
        out = packed(torch.eye(packed.in_features, dtype=torch.bfloat16)).float().T
    packed.eval()
    return out  # type: ignore[no-any-return]


def test_nf4_without_bitsandbytes_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EngineError, match="the extra `gpu`") as caught:
        to_nf4(Player(PLAN))
    assert caught.value.code == "precision"


# --- the choice -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if there were one; nothing may be put there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    yield


def test_auto_takes_a_gpu_for_large_networks_only(gpu: None) -> None:
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in Player(config).parameters()) for name, config in PLAYER.items()}
    assert choose("auto", "auto", counts["small"]) == (torch.device("cpu"), "auto")
    assert choose("auto", "auto", counts["paper"]) == (torch.device("cuda"), "bf16")
    assert choose("auto", "nf4", counts["base"]) == (torch.device("cuda"), "nf4")
    assert choose("cpu", "auto", counts["base"]) == (torch.device("cpu"), "auto")
    assert choose("cuda", "float32", counts["small"]) == (torch.device("cuda"), "float32")


def test_a_card_without_bf16_takes_float32(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert choose("cuda", "auto", 1) == (torch.device("cuda"), "float32")


def test_what_is_not_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose("auto", "auto", 10**9) == (torch.device("cpu"), "auto")
    with pytest.raises(EngineError, match="no CUDA device") as caught:
        load_models(device="cuda")
    assert caught.value.code == "device"
    with pytest.raises(EngineError, match="no device 'toaster'"):
        choose("toaster", "auto", 1)
    with pytest.raises(EngineError, match="no precision 'int3'"):
        choose("cpu", "int3", 1)


def test_the_configuration_takes_devices_and_precisions_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "jamd.toml"
    path.write_text('[engine]\ndevice = "cuda"\nprecision = "nf4"\n')
    engine = load_config(path).engine
    assert (engine.device, engine.precision) == ("cuda", "nf4")
    assert {*get_args(get_type_hints(EngineConfig)["precision"])} == {*PRECISION_NAMES}
    for line in ('device = "gpu"', 'precision = "int4"'):
        path.write_text(f"[engine]\n{line}\n")
        with pytest.raises(ConfigError, match=line.split()[0]):
            load_config(path)


def test_shipped_weights_play_in_every_precision() -> None:
    """bf16 is what the files hold, so it is exact; a CPU plays compiled unless a precision is asked for."""
    models = load_models(precision="bf16")
    assert models.compiled is None and models.precision == "bf16" and models.device.type == "cpu"
    whole = load_models(compiled=False)
    for rounded, exact in zip(models.player.parameters(), whole.player.parameters(), strict=True):
        assert torch.equal(rounded.float(), exact)
    assert torch.equal(models.player.codebooks, whole.player.codebooks)
    with pytest.raises(ValueError, match="compiled"):
        load_models(compiled=True, precision="bf16")


# --- streams --------------------------------------------------------------------------------------------------------------


def test_a_stream_that_has_ended_leaves_its_frame_to_the_next() -> None:
    codec, planner = make()[1], None
    models = Models("tiny", codec, planner, make()[0])  # type: ignore[arg-type]
    controls, roll = (x[:, 0].numpy() for x in inputs(10))

    def music(seed: int, style: np.ndarray | None = None) -> np.ndarray:
        voice = models.voice(seed)
        voice.set_style(style)
        return np.concatenate([voice.play(c, r, 1.0, 0.9, 2.0) for c, r in zip(controls, roll, strict=True)])

    models.prepare(2)
    made = list(models.frames)
    first = music(7)
    gc.collect()
    other = music(8, np.eye(12, dtype=np.float32)[2])
    gc.collect()
    assert np.array_equal(first, music(7)) and not np.array_equal(first, other)
    gc.collect()
    assert len(made) == len(models.frames) == 2 and {id(x) for x in made} == {id(x) for x in models.frames}
    one, two, three = (models.voice(seed) for seed in (1, 2, 3))
    assert len({id(voice.frame) for voice in (one, two, three)}) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_untrained_networks_of_a_preset_play(precision: str) -> None:
    models = random_models("small", precision=precision, player=replace(PLAYER["small"], layers=2))
    assert isinstance(models.planner, Planner) and models.precision == precision
    voice = models.voice(1)
    controls, roll = (x[:, 0].numpy() for x in inputs(4))
    audio = np.concatenate([voice.play(c, r, 1.0, 0.95, 3.0) for c, r in zip(controls, roll, strict=True)])
    assert audio.shape == (4 * 640, 2) and np.isfinite(audio).all() and audio.any()


# --- on a GPU -------------------------------------------------------------------------------------------------------------


@CUDA
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_graph_plays_what_the_plain_step_plays(precision: str) -> None:
    """Replays against the same step called directly, through changes of style and knobs, with one capture."""
    graphed = Frame(*make(precision, "cuda"))
    plain = Frame(*make(precision, "cuda"))
    graph = graphed._call.graph
    assert graph is not None
    plain._call.graph = None
    for part in range(4):
        for frame in (graphed, plain):
            frame.temperature.fill_(0.0)
            frame.guidance.fill_(1.0 + part)
            frame.set_style(torch.eye(12, device="cuda")[part] if part % 2 else None)
        assert torch.equal(play(graphed, 30), play(plain, 30))
        assert torch.allclose(graphed.audio, plain.audio, atol=1e-4)
    assert graphed._call.graph is graph


@CUDA
def test_a_seed_says_what_the_graph_draws() -> None:
    frame = Frame(*make("bf16", "cuda"))
    drawn = []
    for seed in (1, 2, 1):
        frame.restart(seed)
        frame.temperature.fill_(1.0)
        drawn.append(play(frame, 30))
    assert torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[1])


@CUDA
def test_the_gpu_plays_the_codes_of_the_cpu() -> None:
    given = torch.randint(0, 64, (40, 3), generator=torch.Generator().manual_seed(1))
    audio = []
    for device in ("cpu", "cuda"):
        frame = Frame(*make("float32", device))
        play(frame, 40, given)
        audio.append(frame.audio.cpu())
    assert torch.allclose(audio[0], audio[1], atol=1e-3)
