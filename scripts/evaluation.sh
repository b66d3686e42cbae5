#!/usr/bin/env bash
# What `python -m model.evaluate` and model.metrics need beside the tests' packages: the weights of BeatNet and musicnn, and an ffmpeg
# with libopus.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
# only their weight files are used; what else they ask for (TensorFlow, madmom, PyAudio) is not
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps "BeatNet==1.1.3" "musicnn==0.1.0"
# a second opinion on loudness, for a test
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps "pyloudnorm==0.2.0"
# Opus: the system's ffmpeg where it has libopus, else the package's
if [[ $(ffmpeg -hide_banner -encoders 2>/dev/null || true) != *libopus* ]]; then
  .venv/bin/python -m pip install -q --disable-pip-version-check "imageio-ffmpeg==0.8.1"
fi
