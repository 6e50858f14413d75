# The part of dnslib's interface that is used here; dnslib ships no types.
from collections.abc import Sequence

class DNSLabel:
    def __init__(self, label: Sequence[bytes]) -> None: ...

class RD: ...

class A(RD):
    def __init__(self, data: tuple[int, ...]) -> None: ...

class AAAA(RD):
    def __init__(self, data: tuple[int, ...]) -> None: ...

class MX(RD):
    def __init__(self, label: DNSLabel, preference: int) -> None: ...

class TXT(RD):
    def __init__(self, data: Sequence[bytes]) -> None: ...

class NS(RD):
    def __init__(self, label: DNSLabel) -> None: ...

class SOA(RD):
    def __init__(
        self, mname: DNSLabel, rname: DNSLabel, times: tuple[int, int, int, int, int]
    ) -> None: ...

class RR:
    def __init__(self, rname: DNSLabel, rtype: int, rclass: int, ttl: int, rdata: RD) -> None: ...

class DNSQuestion:
    def __init__(self, qname: DNSLabel, qtype: int, qclass: int) -> None: ...

class DNSHeader:
    def __init__(self, id: int, bitmap: int) -> None: ...  # noqa: A002  # its name

class DNSRecord:
    def __init__(
        self,
        header: DNSHeader,
        questions: list[DNSQuestion],
        rr: list[RR],
        auth: list[RR],
    ) -> None: ...
    def pack(self) -> bytearray: ...

class _Names:
    def __getitem__(self, number: int) -> str: ...

QTYPE: _Names
