"""``python -m mnistffn``."""

from mnistffn.cli import main

main()
