"""How far an export or an import is, in a file beside the one that is written or read."""

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from dynadb_async.cli.shown import write_whole

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb

# Seconds between two notes: what a kill costs to do again.
EVERY = 1.0


@define
class ProgressFile:
    """
    The file.

    Attributes:
        path: Where.
        target: What names the table, and what is moved, without saying it.
    """

    path: Path
    target: str
    _written_at: float = field(factory=time.monotonic, init=False)

    @classmethod
    def beside(cls, file: Path, ending: str, db: "AsyncDynamoDb[Any]", *more: object) -> "ProgressFile":
        """The one beside *file*, about the table of *db*, and *more* that has to be the same for it to count."""
        client = db.config.client
        whole = " ".join(map(str, (client.endpoint_url, client.region_name, db.config.table.name, *more)))
        return cls(file.with_name(f"{file.name}.{ending}"), hashlib.sha256(whole.encode()).hexdigest())

    @property
    def is_due(self) -> bool:
        """Whether it is time for another note."""
        return time.monotonic() - self._written_at > EVERY

    def read(self) -> dict[str, Any] | None:
        """
        What it says, `target` too; None if there is none.

        Raises:
            ValueError, TypeError: It can't be read.
        """
        try:
            return dict(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None

    def write(self, **members: Any) -> None:
        """Say it, so that a kill leaves this or what was there."""
        write_whole(self.path, json.dumps({"target": self.target, **members}))
        self._written_at = time.monotonic()

    def remove(self) -> None:
        """All is done."""
        self.path.unlink(missing_ok=True)
