"""The door of the side process: it loads the reader there, and never in the server."""

import importlib
import logging

from server.adapters.sql_columns.question import Answer, Question


def ready() -> None:
    """Load the reader, so that the time of a question is its own."""
    logging.getLogger("sqlglot").disabled = True  # it would tell of the SQL that it is given
    importlib.import_module("server.adapters.sql_columns.reading")


def ask(question: Question) -> Answer:
    """What the SQL tells of the question's two tables."""
    ready()
    answer: Answer = importlib.import_module("server.adapters.sql_columns.reading").answer(question)
    return answer
