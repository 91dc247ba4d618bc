"""How long is measured: the normal mode, whose figures may be quoted, and a quick one that says that it is quick."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long a row is measured; it ends when both minimums are reached.

    Attributes:
        name: ``normal`` or ``quick``, as it stands in results.
        queries: least number of inferences or frames timed.
        seconds: least time spent on them.
        blocks: turns that this is split into; the rows of a table take turns, so that what changes on the machine in
            the meantime meets all of them.
    """

    name: str
    queries: int
    seconds: float
    blocks: int


#: MLPerf Inference's single-stream scenario: 1,024 queries and 60 s at least (Reddi et al. 2020, ISCA, table V).
NORMAL = Effort("normal", 1024, 60.0, 12)

#: For a first look, and for tests.
QUICK = Effort("quick", 64, 2.0, 4)
