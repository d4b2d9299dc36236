"""One file per group of rows, found by listing this folder.

A group has `TITLE`, `NOTE` (what a reader must know, or `""`) and `rows(files) -> Iterable[Row]`,
which makes what it needs as it goes.
"""
