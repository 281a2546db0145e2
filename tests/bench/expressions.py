"""Expressions compared with the same predicates in handwritten Python over the same models; loading rules."""

from __future__ import annotations

import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from scanner.catalogue.responsibility import load_catalogue
from scanner.expression.predicate import compile_predicate
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import User
from scanner.model.resources.network import Firewall
from scanner.model.resources.storage import Bucket, Encryption
from scanner.rule.packs import load_packs
from tests.bench.figure import CannotBeMeasured, Figure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD: dict[str, Any] = {
    "provider": "aws",
    "partition": "aws",
    "scope": "111122223333",
    "region": "eu-west-1",
    "id": "id",
    "name": "prod-1",
    "type": "aws.s3.bucket",
    "tags": {"owner": "payments", "data-class": "pci"},
}
BUCKET = Bucket(
    **HEAD,
    public_read=False,
    public_write=False,
    public_via=(),
    encryption=Encryption(key="customer", key_id=None),
    versioning=True,
    access_logging=True,
    tls_only=True,
    uniform_access=True,
)
USER = User(
    **HEAD,
    root=False,
    created=NOW - timedelta(days=500),
    enabled=True,
    password=True,
    mfa=True,
    access_keys=0,
    last_used=NOW - timedelta(days=10),
    external=False,
    administrator=False,
)
FIREWALL = Firewall(
    **HEAD,
    attached=True,
    default=False,
    open_to_world=("tcp 443", "tcp 80"),
    admin_ports_open=(),
    everything_open=False,
    default_allows=False,
)
SENSITIVE = frozenset({"pci", "cardholder"})
RULES = 350
CLOCK = time.process_time
DAYS_90 = timedelta(days=90)

Predicate = Callable[[Any, datetime], bool]
CASES: tuple[tuple[Resource, str, Predicate], ...] = (
    (
        BUCKET,
        "!bucket.public_read && !bucket.public_write",
        lambda r, n: not r.public_read and not r.public_write,
    ),
    (BUCKET, "bucket.versioning", lambda r, n: r.versioning),
    (
        BUCKET,
        "bucket.encryption != null && bucket.encryption.key == 'customer'",
        lambda r, n: r.encryption is not None and r.encryption.key == "customer",
    ),
    (
        BUCKET,
        "'data-class' in bucket.tags && bucket.tags['data-class'] in ['pci', 'cardholder']",
        lambda r, n: "data-class" in r.tags and r.tags["data-class"] in SENSITIVE,
    ),
    (BUCKET, "bucket.name.startsWith('prod-')", lambda r, n: r.name.startswith("prod-")),
    (BUCKET, "size(bucket.public_via) == 0", lambda r, n: len(r.public_via) == 0),
    (
        USER,
        "user.last_used != null && now - user.last_used < duration('2160h')",
        lambda r, n: r.last_used is not None and n - r.last_used < DAYS_90,
    ),
    (USER, "!user.password || user.mfa", lambda r, n: not r.password or r.mfa),
    (USER, "user.access_keys < 2", lambda r, n: r.access_keys < 2),
    (
        FIREWALL,
        "firewall.open_to_world.all(p, p in ['tcp 80', 'tcp 443'])",
        lambda r, n: all(p in ("tcp 80", "tcp 443") for p in r.open_to_world),
    ),
)


def figures() -> Iterator[Figure]:
    """Evaluation without unknown facets, and loading."""
    ours, hand, worst = speed()
    detail = f"the time of the same predicates by hand; the worst single one {worst:.2f} ×"
    yield Figure("expressions", ours / hand, 1.3, "×", detail)
    yield Figure(f"loading {RULES} rules", loading(), 0.4, "s", "of CPU, the least of 3")


def speed(number: int = 20_000, rounds: int = 9) -> tuple[float, float, float]:
    """CPU seconds over all cases for expressions and for handwritten Python, and the worst single ratio."""
    ours = hand = worst = 0.0
    idle = min(timeit.repeat(lambda: None, timer=CLOCK, number=number, repeat=rounds))
    for resource, source, written in CASES:
        evaluate = compile_predicate(source, resource.kind, type(resource)).evaluate
        if evaluate(resource, NOW) != written(resource, NOW):
            raise CannotBeMeasured(f"{source} differs from its handwritten predicate")
        pairs = [
            (
                _calls(evaluate, resource, number) - idle,
                _calls(written, resource, number) - idle,
            )
            for _ in range(rounds)
        ]
        a, b = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        ours, hand, worst = ours + a, hand + b, max(worst, a / b)
    return ours, hand, worst


def _calls(predicate: Callable[[Any, datetime], object], resource: Resource, number: int) -> float:
    """CPU seconds of this many calls."""
    return timeit.timeit(lambda: predicate(resource, NOW), timer=CLOCK, number=number)


def loading() -> float:
    """CPU seconds to load many rules: the least of three times."""
    catalogue = load_catalogue()
    sources = sorted(
        path for path in Path(str(files("rules"))).glob("*/*.yaml") if path.parent.name != "controls"
    )
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RULES):
            source = sources[number % len(sources)]
            path = Path(folder, source.parent.name, f"{source.stem}-{number}.yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        taken = []
        for _ in range(3):
            begin = time.process_time()
            loaded = load_packs([folder], catalogue)
            taken.append(time.process_time() - begin)
            if len(loaded.rules) != RULES:
                raise CannotBeMeasured("not every rule was loaded")
    return min(taken)
