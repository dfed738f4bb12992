"""The root of the project's errors."""


class EgregoraError(Exception):
    """An error that a user can act on; its message ends with what to do."""
