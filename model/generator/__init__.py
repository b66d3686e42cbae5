"""The generator in two levels: the planner writes notes ahead, the player turns them into codec frames."""
