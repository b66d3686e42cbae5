"""Benchmarks: every figure that the documentation quotes. `make bench` runs them all and prints Markdown."""
