#!/usr/bin/env bash
# What `python -m model.evaluate` needs beside the tests' packages: the weights of basic-pitch and of BeatNet, and ONNX Runtime.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt "onnxruntime==1.31.1"
# only their weight files are used; what else they ask for (TensorFlow, madmom, PyAudio) is not
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps "basic-pitch==0.4.0" "BeatNet==1.1.3"
