"""``gapscan demo``: a scan of three simulated clouds, without credentials."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli.exits import Usage, exit_on_error, stop


def demo(
    folder: Annotated[
        str, typer.Option("--folder", help="Where to write the files.", metavar="FOLDER")
    ] = "gapscan-demo",
) -> None:
    """Scan a sample company on three simulated clouds on this machine.

    Writes an ownership file, a configuration and the reports, and lists them. The exit code is 0 if the
    scan ran, whatever it found.
    """
    import os
    import subprocess
    import sys
    from importlib.util import find_spec
    from pathlib import Path

    with exit_on_error():
        if find_spec("moto") is None:
            raise Usage("the simulated clouds are an extra: pip install 'gapscan[demo]'")
        from providers.sandbox.company import estate, write_files

        place = Path(folder)
        try:
            files = write_files(place)
        except OSError as error:
            raise Usage(f"--folder {folder}: cannot be written: {error.strerror}") from None
        print("Starting three simulated clouds on this machine …", file=sys.stderr)
        with estate() as environment:
            # -P: a folder of the same name in the working directory must not run in gapscan's place.
            command = [sys.executable, "-P", "-m", "scanner", "scan", "all", "--config", str(files.config)]
            print(f"$ gapscan {' '.join(command[4:])}\n", flush=True)
            scan = subprocess.run(command, env={**os.environ, **environment}, check=False)
    if scan.returncode not in (0, 1, 3):
        stop(f"gapscan: the scan of the simulated clouds ended with {scan.returncode}", scan.returncode)
    print("\nThese files were written:")
    for path, what in files.described():
        print(f"  {path}  {what}")
    if scan.returncode:
        print(f"The scan's own exit code was {scan.returncode}: it would have stopped a pipeline.")
