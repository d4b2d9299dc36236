"""`python -m opscan`."""

from opscan.cli import main

main()
