"""A line between us and a server: `python -m bench.link PORT SERVER_PORT --latency-ms 30 --mbit 100`.

What passes in either direction arrives half the latency later, so that an answer comes after the whole of it; what
comes from the server shares the line's bits among all connections, as a line does.
"""

from __future__ import annotations

import argparse
import asyncio

CHUNK_BYTES = 16 * 1024
# What may be under way in one connection before its sender has to wait, as a socket's buffer would have it.
WINDOW_CHUNKS = 16


class Line:
    """The bits of a line: each chunk takes its time, one after the other."""

    def __init__(self, bits_a_second: float) -> None:
        self._bytes_a_second = bits_a_second / 8
        self._free_at = 0.0

    def send(self, n_bytes: int) -> float:
        """When a chunk that is sent now has passed, on the loop's clock."""
        now = asyncio.get_running_loop().time()
        if not self._bytes_a_second:
            return now
        self._free_at = max(now, self._free_at) + n_bytes / self._bytes_a_second
        return self._free_at


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line, delay_seconds: float) -> None:
    """Pass on what is read, late."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW_CHUNKS)

    async def deliver() -> None:
        while True:
            at, data = await under_way.get()
            await asyncio.sleep(max(0.0, at - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(CHUNK_BYTES):
            await under_way.put((line.send(len(data)) + delay_seconds, data))
        await under_way.put((0.0, b""))
        await delivery
    except ConnectionError:
        writer.close()
    finally:
        delivery.cancel()


async def serve(port: int, server_port: int, latency_seconds: float, bits_a_second: float) -> None:
    up, down = Line(0), Line(bits_a_second)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", server_port)
        await asyncio.gather(
            carry(reader, there_writer, up, latency_seconds / 2), carry(there_reader, writer, down, latency_seconds / 2)
        )

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("server_port", type=int)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--mbit", type=float, default=0, help="0: without bound")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.server_port, options.latency_ms / 1000, options.mbit * 1e6))


if __name__ == "__main__":
    main()
