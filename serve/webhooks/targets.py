"""Where events may be sent: to addresses of the public network only, unless a setting says otherwise.

Whoever may register an address must not be able to reach, through this service, what only this service can reach. A
name is therefore resolved here, all that it resolves to is checked, and the sender connects to the very address that
was checked: a name that answers otherwise a moment later leads nowhere else.
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

MAX_URL_CHARACTERS = 2000

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]+")  # ASCII without spaces: other names are written in their xn-- form
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_32_BITS = 0xFFFFFFFF

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host. Blocks. Raises OSError where it has none."""


class Reason(StrEnum):
    """Why nothing is sent to an address; the code of the refusal too."""

    URL = "webhook_url_invalid"
    PRIVATE = "webhook_target_private"
    UNKNOWN = "webhook_host_unknown"


class TargetRefused(Exception):
    """Nothing is sent to this address. The message says why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""

    @property
    def origin(self) -> str:
        """The part that may be shown: path and query of some receivers hold a password."""
        return f"{self.scheme}://{self.host_header}"

    @property
    def host_header(self) -> str:
        """As it is sent."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses that this machine's resolver knows of a host, 0x7f.1 and the like included."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:  # a label too long
        raise OSError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def read_target(url: str, *, allow_private: bool) -> Target:
    """The parts of a URL to which events may be sent, as far as it alone tells.

    Raises:
        TargetRefused: URL.
    """
    if len(url) > MAX_URL_CHARACTERS or not _URL.fullmatch(url) or "\\" in url:
        raise _invalid(f"expected at most {MAX_URL_CHARACTERS} visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _invalid(str(error)) from error
    if parts.scheme not in (("https", "http") if allow_private else ("https",)):
        raise _invalid(f"expected https://, found {parts.scheme}:" if parts.scheme else "expected https://")
    if "@" in parts.netloc:
        raise _invalid("a user or password in it would be sent along; the signature tells who sends")
    if parts.fragment:
        raise _invalid("what follows # is never sent")
    if parts.hostname is None or not _HOST.fullmatch(parts.hostname):
        raise _invalid("it has no usable host")
    if port == 0:
        raise _invalid("port 0 cannot be reached")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], path=path)


def checked_addresses(target: Target, *, allow_private: bool, resolve: Resolve = resolve) -> Sequence[str]:
    """The addresses to connect to. Blocks while the host is resolved.

    Raises:
        TargetRefused: UNKNOWN, or PRIVATE where any of them is not public.
    """
    try:
        addresses = resolve(target.host, target.port)
    except OSError as error:
        raise TargetRefused(Reason.UNKNOWN, f"{target.host} has no address ({error.strerror or error})") from error
    if not addresses:
        raise TargetRefused(Reason.UNKNOWN, f"{target.host} has no address")
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise TargetRefused(Reason.PRIVATE, f"{target.host} is {address}, which is not a public address")
    return addresses


def is_public(address: str) -> bool:
    """Whether an address belongs to the public network, also where it only wraps another one."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return False
        wrapped = _wrapped(parsed)
        if wrapped is not None:
            return is_public(str(wrapped))
        if parsed.is_site_local or parsed.teredo is not None:
            return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached in the end: mapped, 6to4, NAT64."""
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & _32_BITS)
    return address.ipv4_mapped or address.sixtofour


def _invalid(message: str) -> TargetRefused:
    return TargetRefused(Reason.URL, message)
