"""Show what the cache holds, or remove it: decoded images, statistics, programs, downloads.

    gan_zoo cache                            what there is, what was used longest ago first
    gan_zoo cache --clear                    remove all but downloads and what runs use now
    gan_zoo cache --clear xla 'files-*'      remove these only; names as in the list, or patterns

The cache is the folder in GAN_ZOO_CACHE, or ~/.cache/gan_zoo. It holds at most GAN_ZOO_CACHE_SIZE,
such as 50GB; by default 20 GB, or half of the disk if that is less. Beyond it, what was used
longest ago is removed by itself; what a running process uses and downloads are not.
"""

from __future__ import annotations

import collections
import time

from absl import flags

from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.cache import CacheEntry, cache_entries, cache_limit, clear, in_use
from gan_zoo.datasets.text import printable
from gan_zoo.errors import UserError

_ONE_ROW = ("programs", "index")  # kinds of many small files


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_bool("clear", False, "remove entries, by name or all", flag_values=values)


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1000:,.0f} kB"


def _rows(entries: list[CacheEntry]) -> list[tuple[str, ...]]:
    """Return the rows of the table: size, when it was used last, kind, name."""
    groups: dict[str, list[CacheEntry]] = collections.defaultdict(list)
    for entry in entries:
        folder = entry.name.rpartition("/")[0]
        groups[folder if entry.kind in _ONE_ROW else entry.name].append(entry)
    rows: list[tuple[str, ...]] = []
    for name, group in sorted(groups.items(), key=lambda item: max(e.used for e in item[1])):
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(e.used for e in group)))
        busy = " (in use)" if any(map(in_use, group)) else ""
        name = printable(name) + busy
        rows.append((_size(sum(e.size for e in group)), used, group[0].kind, name))
    return rows


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cache_dir()
    if rest and not values.clear:
        raise UserError(f"'{rest[0]}' is not needed to show the cache; to remove it, add --clear.")
    if values.clear:
        removed, kept = clear(folder, rest)
        print(f"removed {len(removed):,} entries, {_size(sum(e.size for e in removed))}")
        for entry in kept:
            print(f"kept {printable(entry.name)}: it is in use, or may not be removed")
        return
    entries = cache_entries(folder)
    for row in (("size", "last used", "kind", "name"), *_rows(entries)):
        print(f"{row[0]:>10}  {row[1]:<16}  {row[2]:<10}  {row[3]}")
    bounded = sum(e.size for e in entries if e.kind != "download")
    print(f"{folder}: {_size(bounded)} of {_size(cache_limit(folder))}, without downloads")
