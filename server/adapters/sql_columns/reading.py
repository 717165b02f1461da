"""Reading a statement's columns against registered tables: every leaf is found there, or nothing is told."""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope, traverse_scope
from sqlglot.schema import MappingSchema

from server.adapters.sql_columns.flow import Flow, Made
from server.adapters.sql_columns.matching import matched
from server.adapters.sql_columns.question import Answer, Link, Missing, Question, Read, Table, Unknown
from server.adapters.sql_columns.statement import REAL, Statement, Unclear, fold, parse, shown
from server.kernel.fields import folded

MAX_LINKS = 20_000  # of one edge: an event that is not too large
DEEP = "the SQL is nested too deeply to be read"


def answer(question: Question) -> Answer:
    """What the SQL tells of the question's two tables."""
    try:
        return _answer(question)
    except Unclear as unclear:
        return Unknown(reason=str(unclear))
    except RecursionError:
        return Unknown(reason=DEEP)
    except OptimizeError as error:
        return Unknown(reason=_why(error))
    except MemoryError:
        raise
    except Exception:  # whatever sqlglot stumbles over in a text that was written to make it
        return Unknown(reason="the reader of SQL does not follow this statement")


def _answer(question: Question) -> Answer:
    statement = parse(question.sql, question.dialect)
    source, target = folded(question.source.name), folded(question.target.name)
    if statement.written not in (None, target):
        raise Unclear(f"the SQL fills {shown(statement.written or '')}, not {question.target.name!r}")
    fold(statement.query)
    read = _read(statement.query)
    if source == target and source in read:
        raise Unclear(f"the SQL reads {question.source.name!r}, which may be either end of this edge")
    tables = _tables(question)
    missing = sorted(read - tables.keys() - question.others.keys())
    if missing:
        return Missing(names=tuple(missing))
    for name in sorted(read - tables.keys()):
        raise Unclear(str(question.others[name]))
    if source not in read:
        raise Unclear(f"the SQL does not read {question.source.name!r}")
    outputs = _outputs(statement, question.dialect, tables)
    links = _links(question, matched(statement, outputs, question.target.columns))
    if not links:
        raise Unclear(f"no column of {question.source.name!r} makes a column of {question.target.name!r}")
    if (size := sum(len(link.sources) + len(link.indirect) for link in links)) > MAX_LINKS:
        raise Unclear(f"the SQL ties columns together {size} times; {MAX_LINKS} are kept")
    return Read(links=links)


def _read(query: exp.Query) -> set[str]:
    """The folded names of the tables that the query does not make itself."""
    sources = (source for scope in traverse_scope(query) for _, source in scope.selected_sources.values())
    return {source.name.removeprefix(REAL) for source in sources if isinstance(source, exp.Table)}


def _tables(question: Question) -> dict[str, Table]:
    """The tables whose columns are known, by folded name."""
    known = {name: table for name, table in question.others.items() if isinstance(table, Table)}
    return known | {folded(table.name): table for table in (question.target, question.source)}


def _outputs(statement: Statement, dialect: str | None, tables: Mapping[str, Table]) -> list[tuple[str, Made]]:
    """The query's output columns, what decides on its rows counted to each."""
    columns = {name: {folded(each): "text" for each in table.columns} for name, table in tables.items()}
    known: dict[str, object] = {**{REAL + name: each for name, each in columns.items()}, **columns}
    as_they_are = f"{dialect or ''}, normalization_strategy=case_sensitive"
    schema = MappingSchema(known, dialect=as_they_are, normalize=False)
    query = qualify(statement.query, dialect=as_they_are, schema=schema, quote_identifiers=False, identify=False)
    scope = build_scope(query)
    if scope is None:
        raise Unclear("the statement has no SELECT of which its rows come")
    flow = Flow({name: frozenset(each) for name, each in columns.items()})
    rows = flow.rows(scope)
    return [(name, made.with_indirect(rows)) for name, made in flow.outputs(scope)]


def _links(question: Question, made: Mapping[str, Made]) -> tuple[Link, ...]:
    """What the source gives to each column of the target, in the order of their schemas."""
    name = folded(question.source.name)
    spelled = {folded(each): each for each in question.source.columns}
    links = []
    for column in question.target.columns:
        flows = made.get(column)
        if flows is None:
            continue
        direct = {leaf for table, leaf in flows.direct if table == name}
        indirect = {leaf for table, leaf in flows.indirect if table == name} - direct
        if direct or indirect:
            links.append(Link(target=column, sources=_in_order(spelled, direct), indirect=_in_order(spelled, indirect)))
    return tuple(links)


def _in_order(spelled: Mapping[str, str], columns: set[str]) -> tuple[str, ...]:
    return tuple(spelling for name, spelling in spelled.items() if name in columns)


def _why(error: OptimizeError) -> str:
    """The reason of a name that cannot be resolved, from the words that sqlglot puts before it."""
    text = str(error).lower()
    if "could not be resolved" in text or "unknown column" in text:
        return "a column of the SQL is in none of the tables that it reads, or in several"
    return "the names in the SQL cannot be resolved"
