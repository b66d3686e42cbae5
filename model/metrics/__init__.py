"""Measures of what was played, made on the sound itself: harmony, tempo, grid, distances. None of them knows the model.

Needs numpy and scipy. With `onnxruntime` and the package `basic-pitch` installed, notes are heard by its transcriber.
"""
