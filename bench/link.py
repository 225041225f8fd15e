"""A proxy that simulates a network link: `python -m bench.link PORT SERVER_PORT --latency-ms 30 --mbit 100`.

Data is delayed by half the latency in each direction, so that a round trip takes the full latency. All connections
share the bandwidth from the server.
"""

from __future__ import annotations

import argparse
import asyncio

CHUNK_BYTES = 16 * 1024
# Chunks in transit per connection before the sender has to wait, like the buffer of a socket.
WINDOW_CHUNKS = 16


class Line:
    """One direction of a link with limited bandwidth, which transmits one chunk after another."""

    def __init__(self, bits_per_second: float) -> None:
        self._bytes_per_second = bits_per_second / 8
        self._free_at = 0.0

    def schedule(self, n_bytes: int) -> float:
        """Add a chunk to the line. Return when it will have been transmitted, by the event loop's clock."""
        now = asyncio.get_running_loop().time()
        if not self._bytes_per_second:
            return now
        self._free_at = max(now, self._free_at) + n_bytes / self._bytes_per_second
        return self._free_at


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line, delay_seconds: float) -> None:
    """Forward data from the reader to the writer with a delay, until the end of the data."""
    loop = asyncio.get_running_loop()
    in_transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW_CHUNKS)

    async def deliver() -> None:
        while True:
            arrives_at, data = await in_transit.get()
            await asyncio.sleep(max(0.0, arrives_at - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(CHUNK_BYTES):
            await in_transit.put((line.schedule(len(data)) + delay_seconds, data))
        await in_transit.put((0.0, b""))
        await delivery
    except ConnectionError:
        writer.close()
    finally:
        delivery.cancel()


async def serve(port: int, server_port: int, latency_seconds: float, bits_per_second: float) -> None:
    up, down = Line(0), Line(bits_per_second)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
        await asyncio.gather(
            carry(reader, server_writer, up, latency_seconds / 2),
            carry(server_reader, writer, down, latency_seconds / 2),
        )

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("server_port", type=int)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--mbit", type=float, default=0, help="bandwidth from the server; 0: unlimited")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.server_port, options.latency_ms / 1000, options.mbit * 1e6))


if __name__ == "__main__":
    main()
