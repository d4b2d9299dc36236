"""Core values <-> JSON, with a schema version; one file per document. The Struct classes *are* the published schema.

`opscan schema NAME` prints it, and `reports/schemas/` holds it (`make reports`). A change that readers could notice
raises document.SCHEMA_VERSION, new keys do not.
"""
