"""What happened to edges since a position, in the order in which a graph can apply it."""

from server.kernel.recorded import FOREVER
from server.mesh.lineage.following.changes import Move, Row, in_order, portions

ENDED, BEGUN = Row(1, 2, 0, 1.0, 3, 7), Row(1, 2, 0, 0.5, 7, FOREVER)
SHORT = Row(2, 5, 1, 0.9, 5, 6)  # began and ended after the position


def test_at_one_position_an_edge_ends_before_it_begins_anew() -> None:
    assert in_order([BEGUN, ENDED], 3) == [Move(7, False, ENDED), Move(7, True, BEGUN)]


def test_what_had_begun_by_then_only_ends_and_what_came_and_went_does_both() -> None:
    moves = in_order([BEGUN, SHORT, ENDED], 4)
    assert [(move.position, move.begins) for move in moves] == [(5, True), (6, False), (7, False), (7, True)]


def test_an_edge_that_came_and_went_in_one_portion_is_in_it_once_as_it_ended() -> None:
    (together,) = portions(in_order([SHORT], 4), 2)
    assert [(change.valid_from, change.valid_to) for change in together] == [(5, 6)]
    apart = list(portions(in_order([SHORT], 4), 1))
    assert [[(change.valid_from, change.valid_to) for change in each] for each in apart] == [[(5, FOREVER)], [(5, 6)]]
