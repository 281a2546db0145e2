"""An HTTP server that replays the answers of another one, after a fixed delay.

Until it reads a line from standard input, it forwards every request and keeps the latest answer (the latest,
since a credential report is requested until it is ready); from then on it replays answers. That takes almost
no processor time, so only the client is measured. Runs as a separate process:
``python tests/bench/replay.py UPSTREAM_PORT DELAY_SECONDS`` prints its port.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

Answer = tuple[bytes, bytes]
Known = dict[bytes, Answer]


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """The next message's head and body; ``None`` at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
    }
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        raise ValueError("chunked messages are not replayed")
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


def key(head: bytes, body: bytes) -> bytes:
    """What distinguishes two requests: everything but signatures, times and invocation IDs."""
    lines = head.split(b"\r\n")
    headers = [line for line in lines[1:] if line.lower().startswith((b"x-amz-target:", b"host:"))]
    region = [
        line.split(b"/")[2] for line in lines if line.lower().startswith(b"authorization:") and b"/" in line
    ]
    return hashlib.sha256(b"\n".join([lines[0], *headers, *region, body])).digest()


async def forwarded(port: int, head: bytes, body: bytes) -> Answer:
    """The answer of the upstream server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    closing = head.replace(b"Connection: keep-alive", b"Connection: close")
    writer.write(closing + body)
    answer = await message(reader)
    writer.close()
    if answer is None:
        raise ConnectionError("the upstream server did not answer")
    lines = [line for line in answer[0].split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines), answer[1]


async def serve(upstream: int, delay: float) -> None:
    """Runs until it is terminated."""
    known: Known = {}
    replaying = asyncio.Event()

    async def switch() -> None:
        await asyncio.to_thread(sys.stdin.readline)
        replaying.set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await message(reader)) is not None:
            name = key(*request)
            if replaying.is_set() and name in known:
                await asyncio.sleep(delay)
            else:
                known[name] = await forwarded(upstream, *request)
            writer.write(b"".join(known[name]))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.gather(server.serve_forever(), switch())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
