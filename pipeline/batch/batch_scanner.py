"""What scans the files of a batch, wherever it does."""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pipeline.batch.fetched_file import fetched
from pipeline.media.errors import MediaError
from pipeline.media.limits import Limits
from pipeline.media.provenance.trust import TrustList
from pipeline.media.sampling import SamplingPlan
from pipeline.media.source_file import Origin
from pipeline.results.input import Input
from pipeline.results.parts import FAILURES, InputRecord
from pipeline.results.verdict import Verdict

if TYPE_CHECKING:
    from pipeline.analysis.scan import Scanner

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """What every process builds its scanner from; see `pipeline.analysis.scan.Scanner`.

    Attributes:
        most_fetched_bytes: that a file may have which is fetched from an address.
    """

    model: str | tuple[str, ...] | None
    engine: str
    detector: str
    plan: SamplingPlan
    adaptive: bool = False
    precision: str = "auto"
    device: str = "auto"
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen
    most_fetched_bytes: int = 2 << 30
    trust: TrustList | None = None

    def scanner(self, threads: int | None = None) -> Scanner:
        """Load a scanner."""
        from pipeline.analysis.scan import Scanner

        return Scanner(
            self.model,
            engine=self.engine,
            precision=self.precision,
            device=self.device,
            detector=self.detector,
            plan=self.plan,
            adaptive=self.adaptive,
            threads=threads,
            limits=self.limits,
            trust=self.trust,
        )


class BatchScanner(ABC):
    """Scans files for `pipeline.batch.scan_batch`; use it in a `with`, which ends what it has started.

    Args:
        settings: what the scanners are built from.
        at_a_time: files that it scans at a time.
        blank: an empty result of one of these scanners.
    """

    def __init__(self, settings: ScannerSettings, at_a_time: int, blank: Verdict) -> None:
        self.settings, self.at_a_time, self._blank = settings, at_a_time, blank
        trust = settings.trust.sha256 if settings.trust else None
        self._keys = [_key(replace(blank, status=status), settings.limits, trust) for status in ("ok", "error")]

    def __enter__(self) -> BatchScanner:
        return self

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """End what was started."""

    @abstractmethod
    def scan(self, source: Input) -> Verdict:
        """Scan a file; called in as many threads as files are to be scanned at a time.

        Raises:
            WorkerDiedError: it kills its process, or `stop` was called.
        """

    @abstractmethod
    def stop(self) -> None:
        """End at once: nothing that is being scanned will have a result."""

    def failure(self, source: Input, message: str) -> Verdict:
        """Give the result of a file whose scan broke off for a reason that lies not in the file."""
        return replace(self._blank, input=InputRecord.of(source.path, None), message=message)

    def key(self, status: str) -> str:
        """Name all that a result of this status depends on beside the file."""
        return self._keys[status in FAILURES]

    def made(self, verdict: Verdict) -> bool:
        """Tell whether a scan of the same file would give this result."""
        trust = verdict.provenance.trust_list if verdict.provenance else None
        return _key(verdict, self.settings.limits, trust) == self.key(verdict.status)


def scan_file(scanner: Scanner, settings: ScannerSettings, source: Input) -> Verdict:
    """Scan a file, which is fetched if it has an address; a bug of ours is the result of that file alone."""
    try:
        if source.kept_at is not None:
            return scanner.scan(source.kept_at, origin=Origin(source.path, 0.0))
        if source.address is None:
            return scanner.scan(source.path)
        with fetched(source, settings.most_fetched_bytes, settings.limits.timeout_s) as (copy, origin):
            return scanner.scan(copy, origin=origin)
    except MediaError as error:
        return replace(scanner.failure(source.path, str(error)), status=error.status)
    except Exception as error:
        # It must not cost the user the other files; it is told as what it is.
        log.debug("bug while scanning %s", source.path, exc_info=True)
        message = f"an internal error stopped the scan ({type(error).__name__}: {error}); --debug shows where"
        return scanner.failure(source.path, message)


def _key(verdict: Verdict, limits: Limits, trust: str | None) -> str:
    """Sum up model, thresholds, program, sampling and trust list, of a failure also the limits."""
    plan = verdict.sampling.plan if verdict.sampling else None
    parts: list[object] = [each and asdict(each) for each in (verdict.model, verdict.thresholds, verdict.tool)]
    parts += [plan, asdict(limits) if verdict.status in FAILURES else None]
    parts += [trust] if trust else []
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
