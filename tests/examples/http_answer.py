"""Reads HTTP responses, for the tests of this folder."""


class answer:
    """One response, cut off the front of some bytes. `rest` is what follows; `is_whole` says whether it
    was all there."""

    def __init__(self, data, is_for_head=False):
        head, separator, behind = data.partition(b"\r\n\r\n")
        self.is_whole = bool(separator)
        if not self.is_whole:
            return
        first, *lines = head.split(b"\r\n")
        self.version, code, self.reason = first.split(b" ", 2)
        self.code = int(code)
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(b":")
            self.fields[name.strip().lower()] = value.strip()
        size = 0 if is_for_head or self.code == 100 else int(self.fields[b"content-length"])
        self.content = behind[:size]
        self.rest = behind[size:]
        self.is_whole = len(self.content) == size


def answers(data):
    """All responses in `data`, which must be whole."""
    found = []
    while data:
        one = answer(data)
        assert one.is_whole, f"cut: {data!r}"
        found.append(one)
        data = one.rest
    return found
