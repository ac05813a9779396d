"""What a user's mistake raises; light to import, so that the command line can tell it from a defect."""


class InputError(Exception):
    """The input or the place for the output is wrong; the text says what would be right."""


class EngineUnavailableError(InputError):
    """An engine needs something that is not installed here."""
