"""One file that holds a result with all that it rests on, and can be checked without trusting who hands it on."""

from pipeline.evidence.bundle.errors import BundleError, KeyFileError
from pipeline.evidence.bundle.making import make_bundle
from pipeline.evidence.bundle.verification import Verified, verify_bundle

__all__ = ["BundleError", "KeyFileError", "Verified", "make_bundle", "verify_bundle"]
