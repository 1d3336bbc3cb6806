"""What a server says no to."""

from __future__ import annotations


class RefusalError(Exception):
    """A request that is not met. The message is one sentence for whoever asked; it names nothing of the server.

    Attributes:
        status: of HTTP, 400 to 507.
        reason: one word for the count of refusals.
        retry_after_s: seconds after which asking again is worth while; None where it is not.
    """

    def __init__(self, status: int, reason: str, sentence: str, retry_after_s: int | None = None) -> None:
        super().__init__(status, reason, sentence, retry_after_s)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s

    def __str__(self) -> str:
        return str(self.args[2])


def not_there() -> RefusalError:
    """Say that there is no such scan; never whether there was one."""
    return RefusalError(404, "unknown", "There is no such scan.")
