"""Benchmarks: ratios against named alternatives, measured in one run on one machine (`make bench`).

Never tests: a busy machine must not fail a build. A benchmark is one row of a file in `rows/`.
"""
