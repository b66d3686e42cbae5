"""The music model: codec, planner, player and their training. Knows nothing of the daemon."""
