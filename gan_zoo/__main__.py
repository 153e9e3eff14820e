"""The program ``gan_zoo``, also as ``python -m gan_zoo``."""

import gc
import sys
from typing import NoReturn

from gan_zoo import huge_pages, interrupts


def main() -> NoReturn:
    """Run the command of this process and end it by its exit code; a training on huge pages."""
    if sys.argv[1:2] == ["train"]:
        huge_pages.restart()
    from gan_zoo import commands

    try:
        interrupts.leave(commands.main())
    finally:
        # The end of Python would look through TensorFlow's half a million objects: a second.
        gc.freeze()


if __name__ == "__main__":
    main()
