"""Leads the decoder's connections to the one server that it may reach.

ffmpeg connects to a port of this machine, and to nothing else; what arrives there is passed on to the addresses that
were looked up before. So a redirection, or a playlist that names another machine, leads nowhere. Encryption ends here:
Python checks the certificate against the name that the user gave.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading

from pipeline.live.addresses import StreamAddress

_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 1 << 16


class Tunnel:
    """Passes connections on to one server; it is closed by `close`.

    Args:
        address: of the server, looked up.

    Attributes:
        port: of 127.0.0.1, where it takes connections.
        failure: why the last connection to the server failed, in words, or "".
    """

    def __init__(self, address: StreamAddress) -> None:
        self.failure = ""
        self._address = address
        self._encryption = ssl.create_default_context() if address.is_encrypted else None
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all connections. Closing twice does no harm."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._connect()
        except OSError as error:
            self.failure = _in_words(error)
            writer.close()
            return
        self.failure = ""
        ways = [asyncio.ensure_future(_copy(reader, far_writer)), asyncio.ensure_future(_copy(far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # this is closed; asyncio would log it as a fault
            pass
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, far_writer):
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first of the addresses that answers."""
        failure: OSError = OSError("there is no address")
        for number in self._address.numbers:
            try:
                return await asyncio.wait_for(
                    asyncio.open_connection(
                        number,
                        self._address.port,
                        ssl=self._encryption,
                        server_hostname=self._address.host if self._encryption else None,
                    ),
                    _CONNECT_TIMEOUT_S,
                )
            except (asyncio.TimeoutError, OSError) as error:
                failure = error if isinstance(error, OSError) else TimeoutError("it does not answer")
        raise failure


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass bytes on as fast as they are taken, until one side ends."""
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


def _in_words(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return error.strerror or str(error)
