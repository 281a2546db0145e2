"""The command line in this process, and as a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path

from pytest import MonkeyPatch

from scanner.cli import main

ROOT = Path(__file__).parents[1]
HERE = ("--region", "eu-west-1", "--region", "us-east-1")
"""The regions of the sample company; more would only take longer."""

Done = subprocess.CompletedProcess[str]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def gapscan(*arguments: str, cwd: Path | str | None = None, **environment: str) -> Done:
    """Runs the command in this process, without credentials of any cloud.

    It has its own environment, working directory and streams. What is about the process itself, such as its
    exit, its signals and its standard streams, needs :func:`launched`, which takes a second more.
    """
    output, errors = BytesIO(), BytesIO()
    variables = {**_bare(cwd), **environment}
    with MonkeyPatch.context() as patched, warnings.catch_warnings(), _own_logging(), _own_signals():
        for name in tuple(os.environ):
            patched.delenv(name)
        for name, value in variables.items():
            patched.setenv(name, value)
        if cwd is not None:
            patched.chdir(cwd)
        patched.setattr(sys, "argv", ["gapscan", *arguments])
        patched.setattr(sys, "stdout", TextIOWrapper(output, "utf-8"))
        patched.setattr(sys, "stderr", TextIOWrapper(errors, "utf-8", line_buffering=True))
        try:
            main()
        except SystemExit as end:
            code = end.code
        sys.stderr.flush()
        assert isinstance(code, int)
        return Done(arguments, code, output.getvalue().decode(), errors.getvalue().decode())


def launched(*arguments: str, cwd: Path | str | None = None, **environment: str) -> Done:
    """Runs the command as a process, without credentials of any cloud."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "scanner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**_bare(cwd), "PYTHONPATH": str(ROOT), **environment},
    )


def _bare(cwd: Path | str | None) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd or "."),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }


@contextmanager
def _own_signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers = tuple(root.handlers)
    try:
        yield
    finally:
        root.handlers[:] = handlers
