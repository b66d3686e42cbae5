"""Measures of what was played, made on the sound itself: harmony, tempo, grid, distances. None of them knows the model.

Needs numpy and scipy. With `onnxruntime` installed, notes are heard by basic-pitch's network.
"""
