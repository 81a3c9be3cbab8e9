"""Everything `training` refuses on purpose; the message says where, what was found and what to do."""


class TrainingError(Exception):
    """A run cannot start, go on or be used as asked."""
