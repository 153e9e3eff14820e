"""``python -m gan_zoo.run --gen=conv_noise28 --disc=cnn_fc``: the same as ``gan_zoo train``."""

from __future__ import annotations

import sys

from gan_zoo import huge_pages, interrupts


def main(argv: list[str] | None = None) -> int:
    """Run ``gan_zoo train`` and return the exit code; the arguments of the process by default."""
    from gan_zoo import commands

    return commands.main(["train", *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    huge_pages.restart()
    interrupts.leave(main())
