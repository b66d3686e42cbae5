"""Entry of the engine process; started by the supervisor."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time

STREAMS = 3
"""Made ready at the start: the jam, a clip, and the next jam beside one that ends."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="jamd.engine")
    parser.add_argument("--memory", required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--config", default="{}")
    parser.add_argument("--model", default="small")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    config = json.loads(options.config).get("engine", {})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor stops its children in order

    import torch

    from jamd.contract import messages as m
    from jamd.contract.errors import ChannelClosed, JamdError
    from jamd.contract.memory import AudioMemory
    from jamd.contract.steady import SteadyChannel
    from jamd.engine.loop import Engine
    from jamd.engine.warm_up import warm_up
    from model.generator.models import load_models

    torch.set_num_threads(int(config.get("threads") or 1))
    channel = SteadyChannel(options.socket, "engine")
    memory = AudioMemory.attach(options.memory)
    try:
        channel.send(m.EngineProgress(text=f"loading model {options.model}", fraction=0.1))
        began = time.monotonic()
        device = options.device if options.device != "auto" else str(config.get("device", "auto"))
        models = load_models(options.model, device=device, precision=str(config.get("precision", "auto")))
        channel.send(m.EngineProgress(text="warming up (the first time, kernels are compiled: half a minute)", fraction=0.5))
        models.prepare(STREAMS)
        factor = warm_up(models)
        channel.send(
            m.EngineReady(
                model=models.name,
                parameters=models.parameters,
                device=str(models.device),
                warm_up_s=time.monotonic() - began,
                real_time_factor=factor,
            )
        )
        Engine(models, memory, channel, options.memory, float(config.get("depth_ms", 120.0))).run()
    except ChannelClosed:
        return 0
    except JamdError as error:
        try:
            channel.send(m.EngineError(code=error.code, message=str(error), said=True))
        except ChannelClosed:
            pass
        print(f"jamd: {error}", file=sys.stderr)
        return 1
    finally:
        memory.close()
        channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
