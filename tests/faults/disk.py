"""A small disk of its own, ext4 in a file, that loses its power when it is told to. For root on Linux only."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2
_MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Disk:
    """`folder` is where it is mounted."""

    image: Path
    folder: Path

    def lose_power(self, *pids: int) -> None:
        """Everything that was not synced is gone; what comes after fails until the disk is mounted again.

        The processes stand still from before, as without power: a sync that is under way while a disk fails may be told to have gone well.
        """
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        while any(_runs(pid) for pid in pids):
            time.sleep(0.001)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def mount_again(self) -> None:
        """No process may hold a file of it open."""
        self.unmount()
        self.mount()

    def fill(self) -> None:
        """Until not a block is left."""
        with self._filler.open("wb", buffering=0) as file:
            taken, size = 0, _MEGABYTE << 10
            while size >= 1024:
                try:
                    os.posix_fallocate(file.fileno(), taken, size)
                    taken += size
                except OSError as full:
                    if full.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def make_room(self) -> None:
        self._filler.unlink()

    def mount(self) -> None:
        _run("mount", "-o", "loop", self.image, self.folder)

    def unmount(self) -> None:
        """A process that was killed may need a moment to let go."""
        for _ in range(50):
            if subprocess.run(["umount", self.folder], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        _run("umount", self.folder)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Mounted, and gone at the end."""
    with tempfile.TemporaryDirectory(prefix="upheld-disk-") as folder:
        disk = Disk(image=Path(folder) / "image", folder=Path(folder) / "disk")
        disk.folder.mkdir()
        with disk.image.open("wb") as file:
            file.truncate(megabytes * _MEGABYTE)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", disk.image)
        disk.mount()
        Path(folder).chmod(0o755)
        try:
            yield disk
        finally:
            disk.unmount()


def missing_reason() -> str:
    """Why there can be no such disk here; empty: there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a disk that loses its power needs Linux and root"
    missing = [each for each in ("mkfs.ext4", "mount", "umount") if shutil.which(each) is None]
    if missing:
        return f"a disk that loses its power needs {', '.join(missing)}"
    try:
        with small_disk(16) as disk:
            disk.lose_power()
    except (OSError, subprocess.CalledProcessError) as refused:
        return f"this machine does not let a disk lose its power: {refused}"
    return ""


def state_of(pid: int, thread: int | None = None) -> str:
    """One letter, as the kernel's: R, S, D, T, Z; X where there is none of it any more."""
    place = Path(f"/proc/{pid}") if thread is None else Path(f"/proc/{pid}/task/{thread}")
    try:
        return (place / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _runs(pid: int) -> bool:
    """Neither stopped, nor dead, nor deep in the kernel, from where it comes back stopped."""
    return any(state_of(pid, int(task.name)) not in "TDZX" for task in Path(f"/proc/{pid}/task").glob("*"))


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)
