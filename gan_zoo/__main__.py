"""The program ``gan_zoo``, also as ``python -m gan_zoo``."""

import sys

from gan_zoo import huge_pages


def main() -> int:
    """Run the command of this process and return its exit code; a training on huge pages."""
    if sys.argv[1:2] == ["train"]:
        huge_pages.restart()
    from gan_zoo import commands

    return commands.main()


if __name__ == "__main__":
    sys.exit(main())
