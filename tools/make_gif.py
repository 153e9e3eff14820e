"""The same as ``gan_zoo gif``: ``python tools/make_gif.py runs/NAME``."""

import sys

from gan_zoo import commands

if __name__ == "__main__":
    sys.exit(commands.main(["gif", *sys.argv[1:]]))
