"""Open a place that holds files, whatever it is called: a folder, a zip or a tar."""

from __future__ import annotations

import re
from pathlib import Path

from gan_zoo.datasets.archives import zip_container
from gan_zoo.datasets.containers import Container, folder
from gan_zoo.datasets.nested import TARS
from gan_zoo.datasets.picture_formats import is_read, sniff
from gan_zoo.datasets.tarballs import is_tar, packing, tar_container
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError

KINDS = "a folder, a .zip, .tar, .npz, .npy or .parquet"

# A part of a file that 7-Zip or split cut.
_PART = re.compile(
    r"(.+\.(?:zip|7z|tar|tgz|tbz2?|txz|tar\.[a-z0-9]+))\.(?:\d{2,4}|part[-_]?\w{1,4}|a[a-z])",
    re.IGNORECASE,
)

# What other files begin with, and how to make them readable.
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it (7z x)"),
    b"Rar!\x1a\x07": ("a RAR archive", "unpack it (unrar x)"),
    b"\x28\xb5\x2f\xfd": ("packed by Zstandard", "unpack it (tar --zstd -xf)"),
    b"\x04\x22\x4d\x18": ("packed by LZ4", "unpack it (lz4 -d)"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "save its images as an .npz or .npy"),
    b"MATLAB 5": ("a MATLAB file", "save its images as an .npz or .npy"),
    b"PAR1": ("a table of Parquet", "let its name end in .parquet"),
    b"\x93NUMPY": ("an array of NumPy", "let its name end in .npy"),
    b"\x80\x02": ("a pickle, which can run any code", "save its images as an .npz"),
    b"\x80\x03": ("a pickle, which can run any code", "save its images as an .npz"),
    b"\x80\x04": ("a pickle, which can run any code", "save its images as an .npz"),
    b"\x80\x05": ("a pickle, which can run any code", "save its images as an .npz"),
    b"ARROW1": ("an Arrow file", "save it as .parquet"),
    b"SQLite format 3": ("a database", "write its images into a folder"),
}


def whole_of_part(name: str) -> str:
    """Return the archive that a file is a part of by its name: a.zip for a.zip.001; else ""."""
    match = _PART.fullmatch(name)
    return match[1] if match else ""


def joining(whole: str) -> str:
    """Return how to join the parts of an archive."""
    return f"join its parts (cat {whole}.* > {whole}) and give {whole} as --data_dir"


def _refuse_part(path: Path) -> None:
    """Raise a UserError if a file is a part of an archive, and another part is beside it."""
    if not (whole := whole_of_part(path.name)):
        return
    if sum(whole_of_part(file.name) == whole for file in path.parent.glob("*")) > 1:
        raise UserError(f"{path} is one part of an archive that was split; {joining(whole)}.")


def open_container(path: Path) -> Container:
    """Open a folder, a zip or a tar, which exists. Its content counts, not its name.

    Raises:
        UserError: It is none of these, is broken or unsafe.
    """
    if path.is_dir():
        return folder(path)
    if not path.is_file():
        raise UserError(f"{path} is neither a file nor a folder; give {KINDS} as --data_dir.")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as e:
        raise UserError(
            f"{path} cannot be read ({error_text(e)}); check its permissions."
        ) from None
    if not head:
        raise UserError(f"{path} is empty (0 bytes); download or save it again.")
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise UserError(
            f"{path} is a web page and no archive; download it again, in a browser if the page asks"
            " for something."
        )
    _refuse_part(path)
    name = path.name.lower()
    # A tar may end with a zip, which is what zipfile looks at: the beginning decides.
    if head[257:262] == b"ustar":
        return tar_container(path)
    if head[:2] == b"PK" or name.endswith(".zip"):
        return zip_container(path)
    if name.endswith(TARS) or is_tar(path):
        return tar_container(path)
    what, remedy = next(
        (value for magic, value in _OTHERS.items() if head.startswith(magic)), ("", "")
    )
    if packing(head):
        what, remedy = "a packed file but no tar archive", "unpack it"
    if what:
        raise UserError(f"{path} is {what}, which is not read; {remedy} and give that instead.")
    if is_read(sniff(head)):
        raise UserError(f"{path} is a single picture; give the folder that it is in as --data_dir.")
    raise UserError(f"{path} holds no images that can be read; give {KINDS} as --data_dir.")
