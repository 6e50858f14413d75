from dnsbl.native.gate import Gate

class Holder:
    categories: tuple[str, ...]

    def guard(self, gate: Gate | None) -> None: ...

def give_back() -> None: ...
