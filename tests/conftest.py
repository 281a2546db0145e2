from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from providers.sandbox.aws.server import AwsSandbox, no_fault

# A slow machine is no wrong answer. A failure prints what repeats it.
settings.register_profile("gapscan", deadline=None, print_blob=True)
settings.load_profile("gapscan")


def pytest_configure() -> None:
    # Looking for garbage among all that lives long takes a fifth of the tests' time, and finds little.
    gc.set_threshold(20_000, 20, 100)


def pytest_collection_finish() -> None:
    gc.freeze()


FEW_REGIONS = frozenset({"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"})
"""More would repeat the same calls and only take longer: the company uses two of them."""


@pytest.fixture(scope="session")
def aws_of_all() -> Iterator[AwsSandbox]:
    """The one simulated AWS of this process, since moto's state is one per process; nobody changes it."""
    sandbox = AwsSandbox(FEW_REGIONS)
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def aws_sandbox(aws_of_all: AwsSandbox) -> Iterator[AwsSandbox]:
    """The sample account, without faults."""
    aws_of_all.calls.clear()
    yield aws_of_all
    aws_of_all.fault = no_fault
    aws_of_all.page_size = 1000
