"""Messages over a Unix stream socket: four bytes of length, then msgpack.

`Channel` is for processes with a loop of their own: nothing blocks, what the socket does not take waits in a queue that obeys each
message's overflow policy. `ChannelServer` is control's side, on asyncio. Every channel has one user at each end.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from jamd.contract.errors import ChannelClosed
from jamd.contract.messages import AnyMessage, Hello, Message, Overflow

MAX_MESSAGE: Final = 1 << 22
MAX_QUEUE: Final = 1024
_LENGTH: Final = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


def pack(message: Message) -> bytes:
    """Length and msgpack of a message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Bytes in any portions to messages.

    Raises:
        ChannelClosed: the bytes are no messages of ours.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        self._buffer += data
        out: list[Message] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_MESSAGE:
                raise ChannelClosed(f"a message of {length} bytes is too long")
            if len(self._buffer) < _LENGTH.size + length:
                break
            try:
                out.append(_decoder.decode(bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])))
            except msgspec.DecodeError as error:
                raise ChannelClosed(f"a message cannot be read: {error}") from error
            del self._buffer[: _LENGTH.size + length]
        return out


class Outbox:
    """Messages that wait for the socket, under their overflow policies."""

    def __init__(self, limit: int = MAX_QUEUE) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: Message) -> None:
        if message.overflow is Overflow.COALESCE:
            for index, other in enumerate(self._waiting):
                if other.key == message.key:
                    self._waiting[index] = message
                    return
        elif message.overflow is Overflow.DROP_OLDEST and len(self._waiting) >= self._limit:
            for index, other in enumerate(self._waiting):
                if other.overflow is Overflow.DROP_OLDEST:
                    del self._waiting[index]
                    break
            else:
                return
        self._waiting.append(message)

    def pop(self) -> Message:
        return self._waiting.popleft()


class Channel:
    """One end, for a process that polls. Make it with `connect`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._unpacker = Unpacker()
        self._outbox = Outbox()
        self._partial = b""

    @classmethod
    def connect(cls, path: str | Path, role: str, timeout: float = 10.0, fresh: bool = True) -> Channel:
        """Connect to control's socket and say hello; waits for the socket to appear.

        Raises:
            ChannelClosed: nobody listens within the time.
        """
        deadline = time.monotonic() + timeout
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError) as error:
                sock.close()
                if time.monotonic() > deadline:
                    raise ChannelClosed(f"nobody listens at {path}") from error
                time.sleep(0.02)
        channel = cls(sock)
        channel.send(Hello(role=role, pid=os.getpid(), fresh=fresh))
        return channel

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Queue a message and pass on what the socket takes. Never blocks.

        Raises:
            ChannelClosed: the other end has gone.
        """
        self._outbox.add(message)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._partial or len(self._outbox):
                if not self._partial:
                    self._partial = pack(self._outbox.pop())
                sent = self._socket.send(self._partial)
                self._partial = self._partial[sent:]
        except BlockingIOError:
            return
        except OSError as error:
            raise ChannelClosed("the other process has gone") from error

    def receive(self, timeout: float = 0.0) -> list[Message]:
        """What has come in; waits up to `timeout` seconds for something.

        Raises:
            ChannelClosed: the other end has gone.
        """
        self._flush()
        out: list[Message] = []
        if timeout > 0:
            select.select([self._socket], [], [], timeout)
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return out
            except OSError as error:
                raise ChannelClosed("the other process has gone") from error
            if not data:
                if out:
                    return out
                raise ChannelClosed("the other process has gone")
            out += self._unpacker.feed(data)

    def close(self) -> None:
        self._socket.close()


Handler = Callable[[str, Message | None], Awaitable[None]]
"""Called with (role, message); message None: that role has gone."""


class ChannelServer:
    """Control's side: one connection a role, messages to one handler, in the order of each connection."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    def connected(self, role: str) -> bool:
        return role in self._writers

    def send(self, role: str, message: Message) -> bool:
        """Pass a message to a role; False if it is not there. Messages that may be dropped are, when much waits."""
        writer = self._writers.get(role)
        if writer is None or writer.is_closing():
            return False
        waiting = writer.transport.get_write_buffer_size()
        if waiting > (1 << 20) and message.overflow is not Overflow.NEVER:
            return False
        writer.write(pack(message))
        return True

    async def close(self) -> None:
        for writer in list(self._writers.values()):
            writer.close()
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        role = ""
        unpacker = Unpacker()
        try:
            while data := await reader.read(65536):
                for message in unpacker.feed(data):
                    if isinstance(message, Hello):
                        role = message.role
                        self._writers[role] = writer
                    if role:
                        await self._handler(role, message)
        except (ConnectionError, ChannelClosed, asyncio.CancelledError):
            pass
        finally:
            if role and self._writers.get(role) is writer:
                del self._writers[role]
                await self._handler(role, None)
            writer.close()
