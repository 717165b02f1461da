"""One way through the standing edges: lists for short walks, padded rows for long ones, changed together."""

from itertools import pairwise
from threading import Thread

from server.adapters.lineage.answers import Way
from server.adapters.lineage.edges import EdgeColumns, Ints, grouped
from server.adapters.lineage.padded import Arrays, Padded

AT_ONCE = 20_000  # intervals up to which padded rows are rebuilt where they are missed


class Adjacency:
    """Rows of neighbours in order of registration; `ids` are the edges beside them.

    A row that outgrew its slots is kept apart, and long walks go over the lists, until the padded rows are built anew:
    in a thread, when a long walk next asks for them. What changes meanwhile is written into them when they are ready.
    """

    def __init__(self, columns: EdgeColumns, way: Way, numbers: list[int]) -> None:
        near, far = columns.ends(way)
        standing = columns.standing()
        order, begins = grouped(near[standing], len(numbers))
        neighbours = far[standing[order]]
        shared = list(map(numbers.__getitem__, neighbours.tolist()))  # one object for each number, not for each edge
        self.rows: list[list[int]] = [shared[first:end] for first, end in pairwise(begins.tolist())]
        self._columns, self._way = columns, way
        self._padded = Padded(begins, neighbours, standing[order])
        self._apart: dict[int, list[int]] = {}
        self._touched: set[int] = set()
        self._rebuild: Rebuild | None = None

    def extend(self, size: int) -> None:
        """Make rows for the assets below `size`."""
        self.rows.extend([] for _ in range(size - len(self.rows)))

    def ids(self, row: int) -> list[int]:
        """The edges of a row, beside `rows[row]`."""
        length = len(self.rows[row])
        if not length:
            return []
        return self._apart[row] if row in self._apart else self._padded.edges(row, length)

    def sure(self, row: int) -> list[float]:
        """The confidences of the edges of a row."""
        length = len(self.rows[row])
        if not length:
            return []
        ids = self._apart[row] if row in self._apart else self._padded.slots(row, length)
        return self._columns.sure(ids)

    def insert(self, row: int, neighbour: int, id: int) -> None:
        """Add an edge at the end of a row."""
        neighbours = self.rows[row]
        if row not in self._apart:
            if self._padded.has_room(row, len(neighbours) + 1, neighbour):
                self._padded.insert(row, len(neighbours), neighbour, id)
            else:
                self._apart[row] = self.ids(row)
        if row in self._apart:
            self._apart[row].append(id)
        neighbours.append(neighbour)
        self._note(row)

    def remove(self, row: int, neighbour: int) -> None:
        """Take an edge out of a row."""
        neighbours = self.rows[row]
        place = neighbours.index(neighbour)
        if row in self._apart:
            del self._apart[row][place]
        else:
            self._padded.remove(row, place, len(neighbours))
        del neighbours[place]
        self._note(row)

    def arrays(self) -> Arrays | None:
        """The padded rows; None while a row is kept apart and they are being built anew."""
        self._take_over()
        if self._apart and self._rebuild is None:
            self._touched.clear()
            self._rebuild = Rebuild(self._columns, self._way, len(self.rows))
            self._take_over()
        return None if self._apart else self._padded

    def _note(self, row: int) -> None:
        if self._rebuild is not None:
            self._touched.add(row)

    def _take_over(self) -> None:
        if self._rebuild is None or not self._rebuild.ended():
            return
        built, self._rebuild = self._rebuild.built, None
        if built is None:  # the machine had no room for it; the next long walk tries again
            return
        changed = {row: self.ids(row) for row in self._touched}
        self._padded, self._apart = built, {}
        for row, ids in changed.items():
            neighbours = self.rows[row]
            if built.has_room(row, len(ids), max(neighbours, default=0)):
                built.replace(row, neighbours, ids)
            elif ids:
                self._apart[row] = ids


class Rebuild:
    """Padded rows of the edges that stand when it begins."""

    def __init__(self, columns: EdgeColumns, way: Way, n: int) -> None:
        self.built: Padded | None = None
        work = (columns.standing(), *columns.ends(way), n)  # what is added meanwhile goes to the end of these columns
        self._thread = Thread(target=self._build, args=work, name="lineage-rows", daemon=True)
        if columns.count > AT_ONCE:
            self._thread.start()
        else:
            self._build(*work)

    def ended(self) -> bool:
        """Whether the work is over."""
        return not self._thread.is_alive()

    def _build(self, standing: Ints, near: Ints, far: Ints, n: int) -> None:
        order, begins = grouped(near[standing], n)
        self.built = Padded(begins, far[standing[order]], standing[order])
