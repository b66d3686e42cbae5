"""Adapters: what a partner has learned of a player, as low-rank changes of planner and player."""
