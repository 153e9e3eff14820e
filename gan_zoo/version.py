"""The version of gan_zoo."""

__version__ = "0.1.0"
