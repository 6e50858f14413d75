class Gate:
    readers: int

    def __init__(self, readers: int) -> None: ...
