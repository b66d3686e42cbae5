#!/usr/bin/env bash
# What `python -m model.evaluate` needs beside the tests' packages: basic-pitch on ONNX Runtime, and librosa.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
  "librosa==0.11.0" "onnxruntime==1.31.1" "resampy==0.4.3" "mir_eval==0.8.2" "pretty_midi>=0.2.10,<0.3"
# its own requirements name TensorFlow, which is not needed for the ONNX model that it ships
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps "basic-pitch==0.4.0"
