"""Screens, a module each; `tui.registry` has all of them in order."""
