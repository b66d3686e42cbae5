"""The control process: OSC and MIDI in, one owner of what is wanted, messages to engine and audio. asyncio, no torch."""
