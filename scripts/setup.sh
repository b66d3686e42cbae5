#!/usr/bin/env bash
# Set up everything that a target needs: scripts/setup.sh jam|test|bench|docs
# System packages come by apt-get where that may be used, Python packages into .venv. A second run takes a moment.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?usage: scripts/setup.sh jam|test|bench|docs}

case $target in
  jam) packages="jackd2 liblo-tools" extras="" ;;
  docs) packages="" extras="[docs]" ;;
  test | bench)
    packages="jackd2 liblo-tools fluidsynth fluid-soundfont-gm zsh fish tmux" extras="[dev]"
    # programs that the examples are for; JAMD_PEERS=0 leaves them out (500 MB installed), and what needs them is skipped
    if [ "${JAMD_PEERS:-1}" = 1 ]; then
      packages="$packages puredata-core supercollider-server supercollider-language sooperlooper ardour pipewire pipewire-jack wireplumber dbus gcc"
    fi ;;
  *) echo "setup: no target $target" >&2; exit 2 ;;
esac
# python-rtmidi has wheels for the common machines; where pip must compile it, these are wanted too: libjack-jackd2-dev libasound2-dev

python=""
for candidate in python3.13 python3.12 python3.11 python3; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    python=$candidate; break
  fi
done
if [ -z "$python" ]; then
  echo "setup: Python 3.11, 3.12 or 3.13 with venv is needed: please run: sudo apt-get install python3 python3-venv" >&2; exit 1
fi

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "setup: please install the equivalents of these Debian packages:$missing" >&2; exit 1
  elif [ "$(id -u)" = 0 ]; then as_root=""
  elif sudo -n true 2>/dev/null; then as_root="sudo"
  else
    echo "setup: please run: sudo apt-get install$missing" >&2; exit 1
  fi
  echo "setup: installing$missing"
  install_packages() {
    $as_root apt-get update -qq || return
    echo "jackd2 jackd/tweak_rt_limits boolean false" | $as_root debconf-set-selections 2>/dev/null || true
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  }
  install_packages & # beside the Python packages, which need none of them
  packages_job=$!
  trap wait EXIT
fi
packages_are_in() { [ -z "${packages_job:-}" ] || wait "$packages_job" || { echo "setup: apt-get failed" >&2; exit 1; }; }

stamp=".venv/.jamd-$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -c1-16)"
for kind in "$target" test; do
  if [ -e "$stamp-$kind" ]; then packages_are_in; exit 0; fi
done
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "setup: installing Python packages into .venv"
if ! .venv/bin/python -c 'import torch, sys; sys.exit(not torch.__version__.startswith("2.13.0"))' 2>/dev/null; then
  .venv/bin/python -m pip install -q --disable-pip-version-check "torch==2.13.0"
fi
.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".$extras"
packages_are_in
if [ "$target" != docs ]; then
  echo "setup: compiling the model's kernels, once"
  OMP_NUM_THREADS=1 .venv/bin/python -m jamd.engine.warm_up >/dev/null
fi
touch "$stamp-$target"
