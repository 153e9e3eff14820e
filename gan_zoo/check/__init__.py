"""Does a part keep its contract? ``gan_zoo check 'two_layers(width=64)' --plugins=mine.py``."""
