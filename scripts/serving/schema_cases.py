"""What schemathesis, which asks a server by its description, cannot make up by itself; it loads this by its name."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

schemathesis.openapi.media_type("application/offset+octet-stream", strategies.binary(max_size=2000))
