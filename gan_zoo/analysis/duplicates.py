"""Exact and near duplicates among images."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np

from gan_zoo.pulse import make_bar

THUMB = 16  # pixels a side of the thumbnails that are compared
_COLOR = 8.0  # gray levels by which the mean colors of near duplicates may differ


def first_equal(digests: Sequence[bytes]) -> np.ndarray:
    """Return for each digest the place of the first equal one, ``[n]``."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)])


def near_duplicates(
    thumbs: np.ndarray, colors: np.ndarray, exact: np.ndarray, correlation: float
) -> np.ndarray:
    """Return for each image the first earlier image of which it is a near duplicate, or itself.

    Thumbnails minus their mean, scaled to length 1, have the squared distance 2 (1 - correlation).
    Along their first principal axis, two of them are no farther apart than that. So they are sorted
    along this axis, and a block is compared only with those near enough on it.

    Args:
        thumbs: Gray thumbnails of 16x16 pixels, ``[n, 256]``.
        colors: Mean colors ``[n, 3]``.
        exact: The first image with the same pixels, ``[n]``; such duplicates are left out.
        correlation: The smallest one of near duplicates.

    Returns:
        int64 ``[n]``.
    """
    found = np.arange(len(thumbs))
    at = np.flatnonzero(exact == found)
    thumbs, colors = thumbs[at].astype(np.float32), colors[at].astype(np.float32)
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    length = np.linalg.norm(thumbs, axis=1, keepdims=True)
    # Below half a gray level an image is flat and has no correlation: all flat images of one color
    # are duplicates.
    thumbs = np.where(length < THUMB / 2, 0, thumbs / np.maximum(length, 1e-9))
    flat = length[:, 0] < THUMB / 2
    place = thumbs @ np.linalg.eigh(thumbs.T @ thumbs)[1][:, -1]
    order = np.argsort(place, kind="stable")
    thumbs, colors, flat, place, at = (x[order] for x in (thumbs, colors, flat, place, at))
    reach = np.sqrt(2 * (1 - correlation)) + 1e-4
    for start in make_bar(
        range(0, len(at), 512),
        desc="near duplicates",
        unit=" blocks",
        disable=None,
        delay=1,
        leave=False,
    ):
        block = slice(start, min(start + 512, len(at)))
        low, high = np.searchsorted(place, [place[block][0] - reach, place[block][-1] + reach])
        for first in range(low, high, 4096):
            other = slice(first, min(first + 4096, high))
            alike = thumbs[block] @ thumbs[other].T >= correlation - 1e-6
            alike |= flat[block, None] & flat[other]
            for c in range(3):
                alike &= np.abs(colors[block, None, c] - colors[other, c]) <= _COLOR
            first_alike = np.where(alike, at[other], len(found)).min(axis=1)
            found[at[block]] = np.minimum(found[at[block]], first_alike)
    return found


def groups_of(first: np.ndarray) -> list[list[int]]:
    """Return the groups of two or more images linked by ``first`` ``[n]``, the largest first."""
    root = first.copy()
    while (root[root] != root).any():
        root = root[root]
    groups = collections.defaultdict(list)
    for i in np.flatnonzero(np.isin(root, root[root != np.arange(len(root))])):
        groups[int(root[i])].append(int(i))
    return sorted(groups.values(), key=len, reverse=True)
