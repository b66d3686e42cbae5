"""Training: codec, player and planner from the corpus, with checkpoints, resume, logs and plots."""
