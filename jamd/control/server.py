"""OSC clients: packets to actions of the session, replies, errors and subscriptions.

Every fault of a client ends as `/error address code message` at its own address; nothing a client sends can stop the server, nor make it
keep more than a fixed amount.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from bridges.osc import LARGEST, AddressSpace, OscMessage, build, is_pattern, read_packet
from jamd import __version__
from jamd.contract.errors import JamdError, MessageError
from jamd.contract.parameters import ADDRESSES, describe, find
from jamd.control.desk import ASKED
from jamd.control.guard import BYTES, Guard, check_lengths, cost_of
from jamd.control.session import Session
from jamd.control.subscribers import Client, Subscribers, as_json

WAITING: Final = 1024
"""Messages whose time has not come."""
WAITING_BYTES: Final = 1 << 20
AHEAD_S: Final = 600.0
MATCHES: Final = 128
"""Addresses that one pattern may name."""
ERRORS: Final = 8
"""Replies to one pattern; what else goes wrong is summed up."""
AT_ONCE: Final = 16
"""Packets that are read before anything else is done."""
LAUNCHES: Final = frozenset({"slots.launch", "slots.release", "slots.stop", "slots.launch_scene"})
QUICK: Final = 256
SHORT: Final = 64
SHOWN: Final = 64
SAID: Final = 200
"""Characters of an address and of a reason in `/error`."""
TOO_MANY: Final = "too many messages in a second: some are left out"


class Sender(Protocol):
    """What replies go through: a socket."""

    def sendto(self, data: bytes, client: Client, /) -> int: ...


class OscServer:
    """The UDP server. Its socket is read straight from the event loop: asyncio's transports take longer to come to the point.

    Args:
        sender: of the replies, until it listens.
    """

    def __init__(self, session: Session, sender: Sender | None = None) -> None:
        self.session = session
        self._sender = sender
        self._socket: socket.socket | None = None
        self._quick: dict[bytes, OscMessage] = {}
        """Launches that have been done: the next of the same bytes goes straight to the session."""
        self._guard = Guard()
        self._space = AddressSpace(tuple(ADDRESSES))
        self._waiting: list[tuple[float, int, OscMessage, Client, int]] = []
        """Time tag, number, message, who sent it, bytes; the next is first."""
        self._numbers = itertools.count()
        self._waiting_bytes = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._subscribers = Subscribers(session, self.reply)
        self._own: dict[str, Callable[..., None]] = {
            "ping": self._ping,
            "describe": self._describe,
            "status": self._status,
            "subscribe": self._subscribers.add,
            "unsubscribe": self._subscribers.remove,
        }

    def listen(self, host: str, port: int) -> None:
        """
        Raises:
            OSError: the address is not to be had.
        """
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setblocking(False)
            self._socket.bind(address)
        except OSError:
            self._socket.close()
            raise
        self._sender = self._socket
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read, self._socket)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = self._sender = None

    def _read(self, source: socket.socket) -> None:
        """What has come; not so much at once that the clock would have to wait."""
        for _ in range(AT_ONCE):
            try:
                data, client = source.recvfrom(LARGEST)
            except OSError:  # nothing more
                return
            self.datagram_received(data, client)

    def log(self, line: str) -> None:
        """A line for those who subscribed to `log`."""
        self._subscribers.log(line)

    def publish_due(self) -> None:
        """Send to subscribers what is due."""
        self._subscribers.publish_due()

    # --- in -------------------------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: Client) -> None:
        quick = self._quick.get(data)
        if quick is not None:
            self._again(quick, addr)
            return
        if len(data) > BYTES and not self._guard.allows(addr, len(data) / BYTES):  # before any time is spent on reading it
            self._refuse(addr, "", TOO_MANY)
            return
        try:
            messages = read_packet(data)
        except MessageError as error:
            if self._guard.allows(addr, 1.0):
                self.error(addr, "", error)
            return
        for message in messages:
            if message.delay > 0:
                self._wait(message, addr, len(data) // len(messages))
            else:
                if self._waiting and message.due:  # what was to come before it does
                    self._come(message.due)
                self.perform(message, addr)
                if len(data) <= SHORT and len(self._quick) < QUICK and data[:1] == b"/":
                    entry = ADDRESSES.get(message.address)
                    if entry is not None and entry[0].action in LAUNCHES:
                        self._quick[data] = message

    def _again(self, message: OscMessage, client: Client) -> None:
        """A launch that was heard before: done first, paid for afterwards."""
        try:
            self._perform(message.address, message.arguments, client)
        except JamdError as error:
            self.error(client, message.address, error)
        if not self._guard.allows(client, 1.0):
            self._quick.clear()

    def _wait(self, message: OscMessage, client: Client, size: int) -> None:
        """Do it when its time comes, if there is room to remember it."""
        if message.delay > AHEAD_S:
            self._refuse(client, message.address, f"a time tag lies at most {AHEAD_S:g} s ahead")
            return
        if len(self._waiting) >= WAITING or self._waiting_bytes + size > WAITING_BYTES:
            self._refuse(client, message.address, "too many messages wait for their time")
            return
        self._waiting_bytes += size
        heapq.heappush(self._waiting, (message.due, next(self._numbers), message, client, size))
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if self._waiting:
            self._alarm = asyncio.get_running_loop().call_later(max(self._waiting[0][0] - time.time(), 0.0), self._come)

    def _come(self, until: float = 0.0) -> None:
        """Do what is due, in the order of the time tags, and of arrival where they are the same."""
        until = max(until, time.time())
        while self._waiting and self._waiting[0][0] <= until:
            _, _, message, client, size = heapq.heappop(self._waiting)
            self._waiting_bytes -= size
            self.perform(message, client)
        self._set_alarm()

    def _refuse(self, client: Client, address: str, reason: str) -> None:
        if self._guard.may_tell():
            self.error(client, address, MessageError(reason, code="overload"))

    # --- out ------------------------------------------------------------------------------------------------------------

    def reply(self, client: Client, address: str, *arguments: Any) -> None:
        if self._sender is None:
            return
        data = build(address, *arguments)
        if len(data) > LARGEST:
            data = build("/error", address, "size", f"the answer has {len(data)} bytes, more than a datagram holds")
        try:
            self._sender.sendto(data, client)
        except OSError:  # nobody is there to be told, or they do not listen
            pass

    def error(self, client: Client, address: str, error: JamdError) -> None:
        """Short, however long that was which it is about."""
        text = str(error)
        if len(text) > SAID:
            text = f"{text[: SAID - 60]} ... {text[-50:]}"
        self.reply(client, "/error", address if len(address) <= SHOWN else f"{address[:SHOWN]}...", error.code, text)

    # --- messages -------------------------------------------------------------------------------------------------------

    def perform(self, message: OscMessage, client: Client) -> None:
        """One message: all addresses that it matches."""
        address = message.address
        try:
            if not is_pattern(address):
                self._one(address, message.arguments, client)
                return
            addresses = self._space.matching(address)
            if not addresses:
                raise MessageError(f"no address matches {address[:SHOWN]}", code="address")
            if len(addresses) > MATCHES:
                raise MessageError(f"{address[:SHOWN]} matches {len(addresses)} addresses, more than {MATCHES}", code="address")
        except JamdError as error:
            if self._guard.allows(client, 2.0):
                self.error(client, address, error)
            return
        self._all(addresses, message, client)

    def _all(self, addresses: Sequence[str], message: OscMessage, client: Client) -> None:
        """Every address of a pattern; the first few errors are told one by one."""
        failed = 0
        for address in addresses:
            try:
                self._act(address, message.arguments, client)
            except JamdError as error:
                failed += 1
                if failed <= ERRORS:
                    self.error(client, address, error)
        if failed > ERRORS:
            self.error(client, message.address, MessageError(f"and {failed - ERRORS} more of its addresses", code="pattern"))

    def _one(self, address: str, values: Sequence[Any], client: Client) -> None:
        try:
            self._act(address, values, client)
        except JamdError as error:
            self.error(client, address, error)

    def _act(self, address: str, values: Sequence[Any], client: Client) -> None:
        """
        Raises:
            JamdError: it cannot be done; nothing has changed.
        """
        entry = ADDRESSES.get(address)
        if not self._guard.allows(client, cost_of(entry[0]) if entry is not None else 2.0):
            self._refuse(client, address, TOO_MANY)
            return
        route, _ = entry if entry is not None else find(address)
        check_lengths(route, tuple(values), address)
        if route.action in self._own:
            self._own[route.action](client, *route.check(values, address))
            return
        value = self._perform(address, values, client)
        if value is not None:
            self.reply(client, address, *(value if isinstance(value, tuple) else (value,)))

    def _perform(self, address: str, values: Sequence[Any], client: Client) -> Any:
        """What fails later, when a file is read or a clip drawn, is told to the client too.

        Raises:
            JamdError: it cannot be done; or a fault of ours (code `internal`): the client is told, the daemon lives.
        """
        asked = ASKED.set(lambda error: self.error(client, address, error))
        try:
            return self.session.perform(address, values)
        except JamdError:
            raise
        except Exception as error:
            raise JamdError(f"{type(error).__name__}: {error}", code="internal") from error
        finally:
            ASKED.reset(asked)

    # --- answers --------------------------------------------------------------------------------------------------------

    def _ping(self, client: Client) -> None:
        self._subscribers.seen(client)
        self.reply(client, "/pong", "jamd", __version__, self.session.uptime_ms)

    def _describe(self, client: Client, address: str | None) -> None:
        for name, text in describe(address):
            self.reply(client, "/describe", name, text)

    def _status(self, client: Client) -> None:
        self.reply(client, "/status", as_json(self.session.status()))
