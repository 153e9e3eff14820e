"""The contract of every part, as checks: ``gan_zoo check 'two_layers(width=64)'``."""
