"""How a producer writes CSV, in the graph."""

import strawberry

from server.kernel import files


@strawberry.type(description="How the producer writes CSV.")
class CsvOptions:
    """How the producer writes CSV."""

    delimiter: str | None = strawberry.field(description="What parts the fields; null: found from the header.")
    null_values: list[str] = strawberry.field(description="Texts that mean null, besides an empty cell.")
    encoding: str = strawberry.field(description="The character encoding, by its canonical name.")
    decimal_separator: str = strawberry.field(description="`.` or `,`.")


@strawberry.input(description="How the producer writes CSV.")
class CsvOptionsInput:
    """How the producer writes CSV, as a client says it."""

    delimiter: str | None = strawberry.field(
        default=None, description="What parts the fields: one character; null: found from the header."
    )
    null_values: list[str] | None = strawberry.field(
        default_factory=list, description="Texts that mean null, besides an empty cell."
    )
    encoding: str | None = strawberry.field(
        default="utf-8", description="The character encoding: never guessed; any text codec of Python."
    )
    decimal_separator: str | None = strawberry.field(default=".", description="`.` or `,`.")


def csv_options(options: files.CsvOptions) -> CsvOptions:
    """CSV options in the graph."""
    return CsvOptions(
        delimiter=options.delimiter,
        null_values=list(options.null_values),
        encoding=options.encoding,
        decimal_separator=options.decimal_separator,
    )


def given_csv(options: CsvOptionsInput | None) -> files.CsvOptions:
    """The CSV options that a client gave; plain CSV where it gave none."""
    if options is None:
        return files.CsvOptions()
    plain = files.CsvOptions()
    return files.CsvOptions(
        delimiter=options.delimiter,
        null_values=tuple(options.null_values or ()),
        encoding=plain.encoding if options.encoding is None else options.encoding,
        decimal_separator=plain.decimal_separator if options.decimal_separator is None else options.decimal_separator,
    )
