"""The exceptions for input that a user can mend."""


class InputError(Exception):
    """Bad input: the message names the file or key, what is wrong and what to do.

    Scripts print it alone, without a traceback (see ``medley.log.job``).
    """


class MismatchError(InputError):
    """An image and its mask do not fit each other, each of them whole. The inspection drops the case."""
