"""What all tests share. `tests.fakes` builds small sites, inventories and profiles."""

import gc
import os
import signal

import pytest
from hypothesis import settings

# On a busy machine anything takes long enough to be said on stderr, where tests look for what else is said.
os.environ["OPSCAN_QUIET"] = "1"
# A shell has what it starts in the background ignore Ctrl-C, and so all that these tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a failure that comes and goes is nobody's.
settings.register_profile("opscan", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("opscan")


@pytest.fixture(autouse=True)
def _nothing_left_of_a_slow_test(request):
    """Whole models are circles of objects: left to themselves, those of all tests are in memory at the end."""
    yield
    if request.node.get_closest_marker("slow"):
        gc.collect()
