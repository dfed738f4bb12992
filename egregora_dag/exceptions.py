"""The root of the project's errors."""

from typing import ClassVar


class EgregoraError(Exception):
    """An error that a user can act on; its message ends with what to do.

    Attributes:
        may_pass: Whether trying again can help though nobody did anything.
    """

    may_pass: ClassVar[bool] = False
