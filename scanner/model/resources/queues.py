"""Message queues and topics."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Encryption


class Queue(Resource):
    """An SQS queue, a Service Bus namespace (its queues and topics), or a Pub/Sub topic or subscription."""

    kind: ClassVar[str] = "queue"

    public: Observed[bool]
    """Anyone on the internet, or anyone with any account at the cloud, can send messages to it, receive or
    delete them, or change who can: a policy or binding allows everyone, and no condition restricts it to
    certain principals or locations. A shared key is a credential, so access by one is not public."""
    encryption: Observed[Encryption | None]
    """Encryption of messages at rest; ``None`` if they are stored unencrypted."""
    tls_only: Observed[bool]
    """Requests without TLS are rejected."""
