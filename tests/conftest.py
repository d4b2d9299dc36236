"""What all tests share. `tests.fakes` builds small sites, inventories and profiles."""

import os

from hypothesis import settings

# On a busy machine anything takes long enough to be said on stderr, where tests look for what else is said.
os.environ["OPSCAN_QUIET"] = "1"

# The same examples in every run: a failure that comes and goes is nobody's.
settings.register_profile("opscan", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("opscan")
