"""The same as ``gan_zoo check``."""

import sys

from gan_zoo import commands

if __name__ == "__main__":
    sys.exit(commands.main(["check", *sys.argv[1:]]))
