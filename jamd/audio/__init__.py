"""The audio process: JACK ports or a file, a compiled mixer, clips in shared memory. No torch, and alone with its thread."""
