"""Two ways of reading a block: the quick one may decline, and never differs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.engine.csv.block import _exactly, _quickly, read_block
from server.adapters.engine.csv.records import Syntax
from server.adapters.engine.csv.shape import shape_of
from server.kernel.errors import InvalidData

THREE = Syntax(delimiter=",", columns=3)

field = st.sampled_from(
    ["", "a", "é b", " ", '""', '"a,b"', '"x\ny"', '"\r"', '"say ""hi"""', "5 x", "'", "\ufeffz", '"b', 'c"']
)
line_end = st.sampled_from(["\n", "\n", "\r\n", "\r"])
record = st.tuples(st.lists(field, min_size=1, max_size=4).map(",".join), line_end).map("".join)
text = st.tuples(
    st.lists(st.one_of(record, record, line_end), max_size=10).map("".join), st.sampled_from(["", "1,2,3"])
)


@settings(max_examples=500, deadline=None)
@given(text=text.map("".join), final=st.booleans(), columns=st.sampled_from([1, 2, 3]))
def test_the_quick_reading_equals_the_exact_one(text, final, columns):
    octets, syntax = text.encode(), Syntax(delimiter=",", columns=columns)
    shape = shape_of(octets, ",", final=final)
    quick = _quickly(octets, syntax, 1, final, shape) if octets else None
    if quick is None:
        return
    exact = _exactly(octets, syntax, 1, final, shape)
    assert quick.rows.to_pylist() == exact.rows.to_pylist()
    assert (quick.broken, quick.consumed) == (exact.broken, exact.consumed)
    assert (quick.starts.tolist(), quick.behinds.tolist()) == (exact.starts.tolist(), exact.behinds.tolist())


@settings(max_examples=300, deadline=None)
@given(text=text.map("".join), cut=st.integers(0, 80))
def test_a_block_ends_where_a_record_ends_so_that_two_blocks_give_the_records_of_one(text, cut):
    octets = text.encode()
    try:
        whole = read_block(octets, THREE, line=1, final=True) if octets else None
        first = read_block(octets[:cut], THREE, line=1, final=False) if octets[:cut] else None
    except InvalidData:
        return
    if whole is None or first is None or first.consumed == len(octets):
        return
    (line,) = first.lines_of([first.consumed])
    second = read_block(octets[first.consumed :], THREE, line=line, final=True)
    assert first.rows.to_pylist() + second.rows.to_pylist() == whole.rows.to_pylist()
    assert first.lines_of(first.starts) + second.lines_of(second.starts) == whole.lines_of(whole.starts)


def test_plain_text_and_text_in_quotes_are_read_quickly():
    for octets in (b"a,b,c\n", b'"a","b ""x""","c\n"\r\n', b'a,,""\n1,2\n', b'"",,\n'):
        assert _quickly(octets, THREE, 1, False, shape_of(octets, ",", final=False)) is not None


def test_an_open_line_end_waits_for_the_next_block():
    block = read_block(b"a,b,c\r\nd,e,f\r", THREE, line=1, final=False)
    assert (block.rows.num_rows, block.consumed) == (1, 7)
