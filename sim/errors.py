"""Mistakes of a user, each with a text that says what would be right; light to import."""


class InputError(Exception):
    """The input or the place for the output is wrong; the text says what would be right."""


class EngineUnavailableError(InputError):
    """An engine needs something that is not installed here."""


class OutputError(InputError):
    """A file or folder cannot be written; the text says why and what would help."""


class UnreadableError(ValueError):
    """A file cannot be read as what it should be; the text continues a sentence that begins with its name.

    Attributes:
        line, column: where its text is the cause, from 1; else None.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        self.line = line
        self.column = column
        super().__init__(message)


def visible(text: str) -> str:
    """`text` with every character that is not printed, or could move a terminal's cursor, as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
