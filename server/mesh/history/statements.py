"""The comparison of two positions as SQL: a page and a count over any of the kinds, each one statement."""

from collections.abc import Mapping, Sequence

from server.kernel.recorded import FOREVER
from server.mesh.history.shown import Shown, ShownKind

# $1, $2: the positions. What differs began between them or, of kinds that end, ended there. Of the versions of a thing
# the last that began stands, unless it ended: one step in an index, however many there are.
_DIFFERING = """
select changed.id, old.fields as before, new.fields as after, old.besides as besides_before,
       new.besides as besides_after, {number} as kind
  from (select id
          from (select id from "{table}" where valid_from > $1 and valid_from <= $2{ended}) every {order}) changed
  left join lateral (select {fields} as fields, {besides} as besides
                       from (select * from "{table}" v where v.id = changed.id and v.valid_from <= $1
                              order by v.valid_from desc limit 1) t where t.valid_to > $1) old on true
  left join lateral (select {fields} as fields, {besides} as besides
                       from (select * from "{table}" v where v.id = changed.id and v.valid_from <= $2
                              order by v.valid_from desc limit 1) t where t.valid_to > $2) new on true
 where old.fields is distinct from new.fields"""

_ENDED = f"valid_to > $1 and valid_to <= $2 and valid_to < {FOREVER}"


def page_sql(kinds: Mapping[int, ShownKind]) -> str:
    """Rows by id. $3: the id behind which they begin; $4: how many are wanted."""
    order = 'order by id collate "C"'  # of what changed, too: a page then looks at no more than it shows
    limit = f"{order} limit $4"
    parts = [
        f'({_differing(number, kind, order)} and changed.id collate "C" > $3 {limit})' for number, kind in kinds.items()
    ]
    return f"select * from ({' union all '.join(parts)}) found {limit}"  # noqa: S608  # our own words


def count_sql(kinds: Mapping[int, ShownKind]) -> str:
    """How many things differ."""
    counts = [f"(select count(*) from ({_differing(number, kind)}) found)" for number, kind in kinds.items()]  # noqa: S608
    return f"select {' + '.join(counts)}"


def _differing(number: int, kind: ShownKind, order: str = "") -> str:
    table = kind.table.__tablename__
    ended = f' union select id from "{table}" where {_ENDED}' if kind.ends else " group by id"  # noqa: S608
    return _DIFFERING.format(
        number=number, table=table, ended=ended, order=order, fields=_object(kind.fields), besides=_object(kind.besides)
    )


def _object(fields: Mapping[str, Shown]) -> str:
    pairs: Sequence[str] = [f"'{name}', {field.sql}" for name, field in fields.items()]
    return f"jsonb_build_object({', '.join(pairs)})"
