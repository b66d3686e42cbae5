# name=jamd
# supportedDevices=jamd
"""FL Studio leads jamd: its clock and pads go to jamd's MIDI port, the states of the slots come back as hints.

The script sits on an input port of FL Studio and talks to the output port with the same number, which must reach jamd:midi_in.
Two inputs may have it: a pad controller, whose pads 36 to 51 launch slots 1 to 16, and jamd:midi_out, whose notes are the slots' lights.
"""

import device
import general
import midi
import transport
import ui

FIRST_NOTE = 36
SLOTS = 16
CHANNEL = 9
"""Channel 10, counted from 0: where jamd hears launches and shows lights."""
STATES = {1: "ready", 64: "waits", 127: "plays"}
"""What jamd's velocities mean (its controller `notes`); 0 is empty."""
MASTER_SYNC_VERSION = 18
"""From this version of the API on a script may turn FL Studio's own clock on for its port."""


class Jamd:
    """What this port is for, and what was last said there."""

    def __init__(self) -> None:
        self.lights = {}  # type: dict[int, int]
        self.is_jamd = False
        self.sync = False
        self.playing = False

    def start(self) -> None:
        """Begin: FL Studio's clock for the port if it can be had, else start and stop by this script."""
        self.is_jamd = "jamd" in device.getName().lower()
        self.sync = general.getVersion() >= MASTER_SYNC_VERSION
        if self.sync and device.isAssigned():
            device.setMasterSync(True)
        self.playing = bool(transport.isPlaying())

    def stop(self) -> None:
        """End: nothing that was started here goes on."""
        if not self.sync and self.playing:
            self.send(midi.MIDI_STOP)

    def send(self, message: int) -> None:
        if device.isAssigned():
            device.midiOutMsg(message)

    def follow_transport(self) -> None:
        """Start and stop as MIDI, where FL Studio does not send its clock itself."""
        playing = bool(transport.isPlaying())
        if playing != self.playing:
            self.playing = playing
            if not self.sync:
                self.send(midi.MIDI_START if playing else midi.MIDI_STOP)

    def pad(self, note: int, velocity: int) -> bool:
        """A pad of the controller, or a note of the MIDI Out plugin: to jamd, on channel 10. False: none of ours."""
        if not FIRST_NOTE <= note < FIRST_NOTE + SLOTS:
            return False
        status = midi.MIDI_NOTEON if velocity else midi.MIDI_NOTEOFF
        self.send((status | CHANNEL) + (note << 8) + (velocity << 16))
        return True

    def light(self, note: int, velocity: int) -> bool:
        """A light of jamd's: velocity 0 is dark. False: none of ours."""
        slot = note - FIRST_NOTE + 1
        if not 1 <= slot <= SLOTS:
            return False
        if self.lights.get(slot, 0) != velocity:
            self.lights[slot] = velocity
            self.show()
        return True

    def show(self) -> None:
        lit = [f"{slot} {STATES.get(velocity, velocity)}" for slot, velocity in sorted(self.lights.items()) if velocity]
        ui.setHintMsg("jamd: " + (", ".join(lit) or "all slots empty"))


jamd = Jamd()


def OnInit() -> None:
    jamd.start()


def OnDeInit() -> None:
    jamd.stop()


def OnMidiMsg(msg) -> None:  # type: ignore[no-untyped-def]
    """Pads and lights are handled here; everything else is FL Studio's."""
    kind = msg.status & 0xF0
    if kind not in (midi.MIDI_NOTEON, midi.MIDI_NOTEOFF):
        return
    velocity = msg.data2 if kind == midi.MIDI_NOTEON else 0
    handled = jamd.light(msg.data1, velocity) if jamd.is_jamd else jamd.pad(msg.data1, velocity)
    if handled:
        msg.handled = True


def OnRefresh(flags: int) -> None:
    """The transport's buttons changed."""
    if flags & midi.HW_Dirty_LEDs:
        jamd.follow_transport()


def OnUpdateBeatIndicator(value: int) -> None:
    """On every bar line (1) the lights are shown again, because any other hint has replaced them."""
    if value == 1 and jamd.is_jamd:
        jamd.show()
