#!/usr/bin/env bash
# A jam from the shell: examples/shell/jam.sh [PORT] [SECONDS]. Needs liblo-tools and a daemon (jamd run).
set -euo pipefail
port=${1:-9120} seconds=${2:-20}
osc() { oscsend 127.0.0.1 "$port" "$@"; }
osc /clock/tempo f 132
osc /jam/chart s "| Dm7 | G7 | Cmaj7 | A7 |"
osc /jam/param/energy f 0.6
osc /jam/start
sleep "$seconds"
osc /jam/stop
