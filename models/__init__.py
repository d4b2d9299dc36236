"""Bundled model definitions: one file per family, plain torch, the paper at the top."""
