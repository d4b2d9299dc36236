"""The process: `opscan` and `python -m opscan`.

Ctrl-C has its answer before anything slow is imported.
"""

import atexit
import gc
import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130
# New objects between two searches for unreachable ones. Modules and inventories stay: searching them costs time only.
# Measured on `check` of 11,600 nodes: at 50,000 it takes a tenth longer, and no less memory.
_OBJECTS = 500_000


def run() -> None:
    """Runs the command that sys.argv names, and exits with its code."""
    # A shell that starts programs in the background has them ignore it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    gc.set_threshold(_OBJECTS)
    if any(word.endswith(".onnx") for word in sys.argv):
        from opscan.pipeline import ahead  # noqa: PLC0415

        ahead.begin(sys.argv[1:])
    from opscan.cli import main  # noqa: PLC0415

    try:
        main()
    except SystemExit as ended:  # all is said and written
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _leave(ended.code)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # the end of the process frees it all; Python need not look through it once more


def _leave(code: str | int | None) -> None:
    """Ends the process, unless somebody else has work to do at its end.

    Python would take down one by one what the system frees at once, which takes 0.01 s. It is left to do so where
    other threads run, where a debugger or profiler looks on, with torch, and where output cannot be written.
    """
    threads = sys.modules.get("threading")
    watched = sys.gettrace() or sys.getprofile()
    if watched or "torch" in sys.modules or (threads and threads.active_count() > 1) or not isinstance(code, int):
        return
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):  # Python says so, and has an exit code for it
        return
    os._exit(code)


def _end(signum: int, frame: FrameType | None) -> None:
    """Nothing is begun yet that would have to be put away, and a half-imported module cannot be unwound."""
    sys.stderr.write("opscan: interrupted\n")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    run()
