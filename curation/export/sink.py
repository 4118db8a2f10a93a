"""Where an export's bytes go: hashed and counted on the way, into a file or nowhere."""

import hashlib
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 2**20


class Sink:
    """A write-only file that knows the SHA-256 and length of what went through; `file` None keeps nothing."""

    closed = False

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, content: bytes) -> int:
        """Take some bytes; all of them."""
        if self._file is not None:
            self._file.write(content)
        self._hash.update(content)
        self.bytes += len(content)
        return len(content)

    def tell(self) -> int:
        """Bytes so far, which is what Arrow's writers ask for."""
        return self.bytes

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The file belongs to who opened it."""

    @property
    def sha256(self) -> str:
        """Of everything written so far, as hex digits."""
        return self._hash.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hex digits.

    Raises:
        OSError: The file is missing or cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
