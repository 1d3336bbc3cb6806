"""A server of its own, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

_START_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 60.0
_SAYS = "listening on "


class Server:
    """`facewitness serve` on a free port; use it in a `with`, which ends it.

    Args:
        data: its folder.
        options: of the command.
        environment: variables that it gets beside those of this process.

    Attributes:
        address: without a slash at its end.
        process: of the command.
    """

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        command = [sys.executable, "-m", "facewitness", "serve", "--data", str(data), "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self._errors: list[str] = []
        threading.Thread(target=self._read_errors, daemon=True).start()
        killer = threading.Timer(_START_TIMEOUT_S, self.process.kill)
        killer.start()
        line = self.process.stdout.readline() if self.process.stdout else ""
        killer.cancel()
        if _SAYS not in line:
            self.process.wait()
            raise RuntimeError(f"the server did not start: {self.errors}")
        self.address = line.partition(_SAYS)[2].strip().rstrip("/")

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.end()

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""
        return "".join(self._errors)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and give its exit status."""
        self.process.send_signal(number)
        return self.process.wait(_END_TIMEOUT_S)

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            self._errors.append(line)
