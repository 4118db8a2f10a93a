"""What can go wrong, one type a kind of failure. Each message states the fact and the way out in one sentence."""


class CurationError(Exception):
    """A failure that the person at the keyboard can act on; faces show its message, never a traceback."""


class ProjectError(CurationError):
    """The project folder is missing, damaged or already there."""


class SourceError(CurationError):
    """A file or dataset of traces or queries cannot be read."""


class ModelError(CurationError):
    """A model, tokenizer or adapter cannot be loaded or cannot be used for what was asked."""


class ScoringError(CurationError):
    """A score, map or training run cannot be computed from what the project holds."""


class SelectionError(CurationError):
    """A recipe is unknown, or asks for a score that no run holds."""


class ExportError(CurationError):
    """An export cannot be written, or does not verify."""


class PushError(CurationError):
    """An export cannot be sent to the hub."""
