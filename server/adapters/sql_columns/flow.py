"""How columns flow through a query whose names are resolved: into values, and into which rows there are."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from server.adapters.sql_columns.statement import REAL, Unclear, shown

Leaf: TypeAlias = tuple[str, str]  # folded names of a table and of its column


class Made(NamedTuple):
    """Of which columns something is made, and on which it hangs otherwise."""

    direct: frozenset[Leaf] = frozenset()
    indirect: frozenset[Leaf] = frozenset()

    def with_indirect(self, leaves: Iterable[Leaf]) -> "Made":
        """The same, hanging on these too."""
        return Made(self.direct, self.indirect.union(leaves))

    @property
    def leaves(self) -> frozenset[Leaf]:
        """All of them."""
        return self.direct | self.indirect


_SHAPES = ("where", "group", "having", "qualify", "order", "windows", "distinct", "sort", "cluster", "distribute")
_STRANGE = ("laterals", "pivots", "match", "connect")


class Flow:
    """The flow through one query. `columns`: those of each table that it reads."""

    def __init__(self, columns: Mapping[str, frozenset[str]]) -> None:
        self._columns = columns
        self._outputs: dict[int, list[tuple[str, Made]]] = {}
        self._rows: dict[int, frozenset[Leaf]] = {}

    def outputs(self, scope: Scope) -> list[tuple[str, Made]]:
        """The output columns of a query in their order, without what decides on its rows. Raises: Unclear."""
        key = id(scope)
        if key not in self._outputs:
            self._outputs[key] = self._outputs_of(scope)
        return self._outputs[key]

    def rows(self, scope: Scope) -> frozenset[Leaf]:
        """The columns that decide which rows there are, how many, and in which order. Raises: Unclear."""
        key = id(scope)
        if key not in self._rows:
            self._rows[key] = self._rows_of(scope)
        return self._rows[key]

    def _outputs_of(self, scope: Scope) -> list[tuple[str, Made]]:
        match scope.expression:
            case exp.Select() as select:
                return [(each.alias_or_name, self._value(scope, each)) for each in select.selects]
            case exp.SetOperation() as both:
                if both.args.get("by_name"):
                    raise Unclear("a set operation matches its columns by name")
                left, right = (self.outputs(side) for side in scope.set_operation_scopes)
                if len(left) != len(right):
                    raise Unclear("the sides of a set operation differ in their number of columns")
                return [
                    (name, Made(one.direct | other.direct, one.indirect | other.indirect))
                    for (name, one), (_, other) in zip(left, right, strict=True)
                ]
            case exp.Subquery():
                (inner,) = scope.subquery_scopes
                return self.outputs(inner)
            case exp.Values() as values if not any(values.find_all(exp.Column, exp.Query)):
                return [(name, Made()) for name in values.alias_column_names]
            case _:
                raise Unclear("something else than a table or a query stands where rows are read")

    def _rows_of(self, scope: Scope) -> frozenset[Leaf]:
        match scope.expression:
            case exp.Select() as select:
                return self._rows_of_select(scope, select)
            case exp.SetOperation() as both:
                sides = [self.rows(side) for side in scope.set_operation_scopes]
                found = frozenset[Leaf]().union(*sides, self._ordered(scope, both))
                alike = bool(both.args.get("distinct")) or not isinstance(both, exp.Union)
                return found.union(*(made.leaves for _, made in self.outputs(scope))) if alike else found
            case exp.Subquery():
                (inner,) = scope.subquery_scopes
                return self.rows(inner)
            case _:
                return frozenset()

    def _rows_of_select(self, scope: Scope, select: exp.Select) -> frozenset[Leaf]:
        if any(select.args.get(name) for name in _STRANGE):
            raise Unclear("a lateral, pivoted or pattern-matched table makes its rows")
        found: set[Leaf] = set()
        for _, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                found |= self.rows(source)
        for clause in self._clauses(select):
            found |= self._value(scope, clause).leaves
        group = select.args.get("group")
        alike = select.args.get("distinct")
        if (alike is not None and alike.args.get("on") is None) or (group is not None and group.args.get("all")):
            found = found.union(*(made.leaves for _, made in self.outputs(scope)))
        return frozenset(found)

    def _clauses(self, select: exp.Select) -> Iterator[exp.Expr]:
        for name in _SHAPES:
            given = select.args.get(name)
            yield from given if isinstance(given, list) else [given] if given is not None else []
        for join in select.args.get("joins") or ():
            for name, given in join.args.items():
                if name != "this":
                    yield from (each for each in (given if isinstance(given, list) else [given]) if _is_node(each))

    def _ordered(self, scope: Scope, both: exp.SetOperation) -> frozenset[Leaf]:
        order = both.args.get("order")
        return self._value(scope, order).leaves if order is not None else frozenset()

    def _value(self, scope: Scope, expression: exp.Expr) -> Made:
        """Of what an expression is made: columns in it, and queries in it."""
        direct: set[Leaf] = set()
        indirect: set[Leaf] = set()
        queries = {id(each.expression): each for each in scope.subquery_scopes}
        for node, shapes in _parts(expression):
            if isinstance(node, exp.Column):
                made = self._column(scope, node)
            elif isinstance(node, exp.Star):
                raise Unclear("a star stands where its columns are not known")
            else:
                made = self._query(queries.get(id(node)), of_rows=isinstance(node.parent, exp.Exists))
            (indirect if shapes else direct).update(made.direct)
            indirect |= made.indirect
        return Made(frozenset(direct), frozenset(indirect))

    def _query(self, scope: Scope | None, *, of_rows: bool) -> Made:
        if scope is None:
            raise Unclear("a query stands where it cannot be followed")
        rows = self.rows(scope)
        if of_rows:
            return Made(frozenset(), rows)
        outputs = [made for _, made in self.outputs(scope)]
        return Made(
            frozenset[Leaf]().union(*(made.direct for made in outputs)),
            rows.union(*(made.indirect for made in outputs)),
        )

    def _column(self, scope: Scope, column: exp.Column) -> Made:
        if isinstance(column.this, exp.Star):
            raise Unclear("a star stands where its columns are not known")
        if not column.table:  # an output of this query, where it is ordered or filtered by one
            return self._only(self.outputs(scope), column.name)
        at: Scope | None = scope
        while at is not None:
            if column.table in at.selected_sources:
                _, source = at.selected_sources[column.table]
                if isinstance(source, Scope):
                    return self._only(self.outputs(source), column.name)
                return self._leaf(source.name, column.name)
            at = at.parent
        raise Unclear(f"column {shown(column.name)} belongs to no table that is read there")

    def _leaf(self, table: str, column: str) -> Made:
        table = table.removeprefix(REAL)
        known = self._columns.get(table)
        if known is None:
            raise Unclear(f"table {shown(table)} is not known")
        if column not in known:
            raise Unclear(f"table {shown(table)} has no column {shown(column)}")
        return Made(frozenset({(table, column)}))

    def _only(self, outputs: list[tuple[str, Made]], name: str) -> Made:
        found = [made for each, made in outputs if each == name]
        if len(found) != 1:
            raise Unclear(f"column {shown(name)} stands {len(found)} times in the query that should make it")
        return found[0]


def _is_node(given: object) -> bool:
    return isinstance(given, exp.Expr)


def _parts(expression: exp.Expr) -> Iterator[tuple[exp.Expr, bool]]:
    """Columns, bare stars and queries of an expression; whether each only groups, orders or filters what is made."""
    waiting: list[tuple[exp.Expr, bool]] = [(expression, False)]
    while waiting:
        node, shapes = waiting.pop()
        if isinstance(node, (exp.Column, exp.Select, exp.SetOperation)):
            yield node, shapes
            continue
        if isinstance(node, exp.Star):
            if not isinstance(node.parent, exp.Count):
                yield node, shapes
            continue
        value = node.this if isinstance(node, (exp.Window, exp.Filter)) else None
        waiting.extend((each, shapes or (value is not None and each is not value)) for each in node.iter_expressions())
