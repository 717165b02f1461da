"""Search as SQL: a page and a count over any of the searched tables, each one statement.

Things whose name begins with the text come first; they are read in order from an index. The others are ranked only
where these do not fill the page.
"""

from collections.abc import Sequence

from server.kernel.recorded import FOREVER

FIRST_RANK = 10  # better than any
BEGINS = 9

# $1: the text. A query asks for every word, whole or where one begins: in the name, then in the tags as well …
_ASKED = """with asked as materialized (
  select search_fold(btrim($1)) as name,
         search_query($1, 'A', true) as name_whole, search_query($1, 'A', false) as name_begun,
         search_query($1, 'AB', true) as tags_whole, search_query($1, 'AB', false) as tags_begun,
         search_query($1, 'ABC', true) as text_whole, search_query($1, 'ABC', false) as text_begun,
         search_query($1, '', true) as whole, search_query($1, '', false) as begun)"""

# $2 to $4: rank, name and id of the last thing that was shown. $5: how many are wanted.
_START = """start as materialized (
  select greatest(name, $3 collate "C") as name, case when name > $3 collate "C" then '' else $4 end as id
    from asked)"""

_BEGINS = f"""
select t.id, t.search_name, {BEGINS} as rank from "{{table}}" t
 where t.valid_to = {FOREVER} and (t.search_name, t.id) > ((select name from start), (select id from start))
   and t.search_name < (select name || U&'\\+10FFFF' from asked)
   and (t.search @@ (select begun from asked)) is true and $2 >= {BEGINS}
 order by t.search_name, t.id limit $5"""  # noqa: S608  # our own words

_RANK = """case
  when t.search @@ a.name_begun then case when t.search @@ a.name_whole then 8 else 7 end
  when t.search @@ a.tags_begun then case when t.search @@ a.tags_whole then 6 else 5 end
  when t.search @@ a.text_begun then case when t.search @@ a.text_whole then 4 else 3 end
  when t.search @@ a.whole then 2 else 1 end"""

_HOLDS = f"""
select id, search_name, rank
  from (select t.id, t.search_name, {_RANK} as rank from asked a join "{{table}}" t on t.search @@ a.begun
         where t.valid_to = {FOREVER} and not starts_with(t.search_name, a.name) offset 0) ranked
 where (select count(*) from beginning) < $5 and (rank < $2 or rank = $2 and (search_name, id) > ($3, $4))
 order by rank desc, search_name, id limit $5"""  # noqa: S608  # our own words; the offset keeps the rank from being computed thrice


def page_sql(tables: Sequence[str]) -> str:
    """Rows (id, search_name, rank), best first."""
    return f"""{_ASKED}, {_START}, beginning as materialized (
select * from ({_together(_BEGINS, tables)}) each order by search_name, id limit $5)
select id, search_name, rank from (select * from beginning union all {_together(_HOLDS, tables)}) found
 order by rank desc, search_name, id limit $5"""  # noqa: S608  # our own words


def count_sql(tables: Sequence[str]) -> str:
    """How many things hold every word."""
    counts = [
        f'(select count(*) from asked a join "{table}" t on t.search @@ a.begun where t.valid_to = {FOREVER})'  # noqa: S608
        for table in tables
    ]
    return f"{_ASKED} select {' + '.join(counts)}"


def _together(statement: str, tables: Sequence[str]) -> str:
    return " union all ".join(f"({statement.format(table=table)})" for table in tables)
