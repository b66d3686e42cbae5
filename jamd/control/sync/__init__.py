"""Following the clocks of others, and being followed: observations, the follower, taps, MIDI clock. No sound, no ports, no time."""
