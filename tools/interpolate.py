"""The same as ``gan_zoo interpolate``: ``python tools/interpolate.py runs/NAME``."""

import sys

from gan_zoo import commands

if __name__ == "__main__":
    sys.exit(commands.main(["interpolate", *sys.argv[1:]]))
