"""What a user's mistake raises, and how it may be told; light to import, for the command line."""


class InputError(Exception):
    """The input or the place for the output is wrong; the text says what would be right."""


class EngineUnavailableError(InputError):
    """An engine needs something that is not installed here."""


def visible(text: str) -> str:
    """`text` with every character that is not printed, or could move a terminal's cursor, as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
