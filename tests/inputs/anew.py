"""Files that are written again and again."""

from pathlib import Path


def write_anew(path: Path, content: bytes) -> None:
    """Not over the old content: where a file is cut and written, ext4 waits for the disk."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)
