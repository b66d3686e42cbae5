#!/usr/bin/env bash
# Ardour without a display, as a session beside jamd: examples/ardour/headless.sh FOLDER NAME [OPTIONS OF HARDOUR]
# Makes the session if there is none, with OSC on (UDP 3819) and JACK's transport led, and runs hardour on it until Ctrl-C.
# Debian's ardour 7; its own configuration stays in FOLDER, so that yours is not touched.
set -euo pipefail
folder=${1:?usage: headless.sh FOLDER NAME} name=${2:?usage: headless.sh FOLDER NAME}
lib=${ARDOUR_LIB:-/usr/lib/ardour7}
export XDG_CONFIG_HOME="$folder/.config" XDG_CACHE_HOME="$folder/.cache"
mkdir -p "$XDG_CONFIG_HOME/ardour7" "$XDG_CACHE_HOME" "$folder/.making"

if [ ! -e "$folder/$name/$name.ardour" ]; then
  # Ardour's Lua shell ends at once where transport masters are configured: it gets a configuration of its own
  XDG_CONFIG_HOME="$folder/.making" ardour7-lua "$(dirname "$0")/session.lua" "$folder/$name" "$name" </dev/null
  # What the dialogs would set: the OSC surface, and the session synchronised to an outside transport.
  sed -i -e 's|name="Open Sound Control (OSC)" active="0"|name="Open Sound Control (OSC)" active="1"|' \
    -e 's|name="external-sync" value="0"|name="external-sync" value="1"|' "$folder/$name/$name.ardour"
fi
if [ ! -e "$XDG_CONFIG_HOME/ardour7/config" ]; then # the outside transport is JACK's
  cat >"$XDG_CONFIG_HOME/ardour7/config" <<'CONFIG'
<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config/>
  <TransportMasters current="JACK Transport">
    <TransportMaster type="Engine" name="JACK Transport" collect="1" removeable="0"/>
  </TransportMasters>
</Ardour>
CONFIG
fi
export LD_LIBRARY_PATH="$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ARDOUR_DATA_PATH=/usr/share/ardour7 ARDOUR_CONFIG_PATH=/etc/ardour7 ARDOUR_DLL_PATH="$lib"
shift 2
exec "$lib"/hardour-* "$@" "$folder/$name" "$name"
