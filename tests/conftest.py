"""What all tests share. `tests.fakes` builds small sites, inventories and profiles."""

from hypothesis import settings

# The same examples in every run: a failure that comes and goes is nobody's.
settings.register_profile("opscan", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("opscan")
