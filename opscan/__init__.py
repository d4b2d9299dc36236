"""Operator-coverage analysis: which operators models need, and which of them a backend supports."""

__version__ = "0.1.0"
