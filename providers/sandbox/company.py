"""The sample company on all three simulated clouds, with its ownership file and configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """The files of a demonstration."""

    config: Path
    ownership: Path
    report: Path

    def described(self) -> Iterator[tuple[Path, str]]:
        """Each file with a description."""
        yield self.ownership, "who owns which control: change a line and run the demonstration again"
        yield self.config, "what is scanned and with which settings"
        yield self.report, "the findings, as JSON"


def write_files(folder: Path) -> Files:
    """Writes the company's ownership file and configuration; existing files are kept, with any changes made
    to them. Raises :class:`OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Files(folder / "gapscan.yaml", folder / "ownership.yaml", folder / "report.json")
    source = files("providers.sandbox")
    for path in (found.config, found.ownership):
        if path.exists():
            continue
        path.write_text(source.joinpath(f"company_{path.name}").read_text(encoding="utf-8"), encoding="utf-8")
    return found


@contextmanager
def estate() -> Iterator[Mapping[str, str]]:
    """Runs the three clouds; yields the variables that point every SDK at them."""
    from providers.sandbox import Sandbox
    from providers.sandbox.aws.server import AwsSandbox
    from providers.sandbox.azure.server import AzureSandbox
    from providers.sandbox.gcp.server import GcpSandbox

    aws = AwsSandbox()
    # One permission is missing, so that the demonstration also shows an unknown.
    aws.fault = lambda operation: "denied" if operation == "account:GetAlternateContact" else None
    clouds: tuple[Sandbox, ...] = (aws, AzureSandbox(), GcpSandbox())
    with ExitStack() as running:
        environment: dict[str, str] = {}
        for cloud in clouds:
            cloud.start()
            running.callback(cloud.stop)
            environment.update(cloud.environment)
        yield environment
