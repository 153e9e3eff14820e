"""Text of names and errors, fit for one line of a terminal."""

from __future__ import annotations


def printable(name: str) -> str:
    """Return a file's name for a terminal: control and undecodable characters become ``?``."""
    return "".join(c if c.isprintable() else "?" for c in name)


def error_text(error: Exception) -> str:
    """Return an error's text on one line, to be part of a sentence."""
    text = (
        (error.strerror if isinstance(error, OSError) else None)
        or str(error)
        or type(error).__name__
    )
    return printable(" ".join(text.split()))[:200]
