"""Open what a path leads to as a source of images: a folder, an archive, arrays or a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gan_zoo.datasets.arrays import npy, npz
from gan_zoo.datasets.class_labels import label_by_folders
from gan_zoo.datasets.nested import ARCHIVES, archives_in, unread_archives, visible
from gan_zoo.datasets.parquet import parquet
from gan_zoo.datasets.places import open_container
from gan_zoo.datasets.sources import Label, Select, Source, all_of, files_in, pictures_in


def open_source(
    path: Path,
    select: Select = all_of,
    label: Label = label_by_folders,
    arrays: Callable[[Path], Source] = npz,
) -> Source:
    """Open a path, which exists.

    A folder or an archive without images is searched for archives and tables of Parquet, which are
    then taken together.

    Args:
        path: A folder, a zip, tar, npz, npy or parquet.
        select: Which images to take of files in a folder or an archive.
        label: Gives these their classes, and may leave out some.
        arrays: Opens an npz.

    Raises:
        UserError: It is something else, is broken or unsafe, or holds no images.
    """
    if path.is_file():
        by_ending = {".npz": arrays, ".npy": npy, ".parquet": lambda file: parquet(file, [file])}
        if opened := by_ending.get(path.suffix.lower()):
            return opened(path)
    container = open_container(path)
    found = files_in(container)
    if not found.names:
        tables = sorted(name for name in container.marks if visible(name, (".parquet",)))
        if tables and path.is_dir():
            source = parquet(path, [path / name for name in tables])
            told = (*found.notes, *unread_archives(container, read=(".parquet",)))
            return source._replace(notes=(*source.notes, *told))
        if archives := archives_in(container):
            notes = (*archives.notes, *found.notes, *unread_archives(container, read=ARCHIVES))
            return pictures_in(archives._replace(notes=notes), select, label)
    notes = (*container.notes, *unread_archives(container, read=()))
    return pictures_in(container._replace(notes=notes), select, label, found)
