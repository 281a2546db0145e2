"""``python -m scanner`` and the command ``gapscan``: signals and streams first, then the command line.

Loading the command line takes a moment, in which Ctrl-C must not print a traceback.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Runs the command line and exits with one of the documented exit codes."""

    def end(*_: Any) -> NoReturn:
        sys.exit(INTERRUPTED)

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, end)
        from scanner.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    command_line()


if __name__ == "__main__":
    main()
