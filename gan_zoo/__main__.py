"""``python -m gan_zoo``: the command ``gan_zoo``."""

import sys

from gan_zoo import commands

if __name__ == "__main__":
    sys.exit(commands.main())
