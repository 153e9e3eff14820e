"""Formats of pictures: which are read, how they are told by content, what to do about others."""

from __future__ import annotations

import contextlib
import functools
import re
import warnings

from PIL import Image, features

HEAD = 64  # bytes at a file's beginning that tell its format

# Pillow loads its rarer formats at first use, and not safely from several threads at once.
Image.init()
with contextlib.suppress(Exception):  # the extra heic, which may be missing or broken
    import pillow_heif

    pillow_heif.register_heif_opener()

# Endings by Pillow's format. Raster formats only: Pillow would hand an EPS to Ghostscript. Those
# with weak marks come last, as Pillow tries them in this order. Without PSD, whose decoder wrote
# out of bounds in the versions of Pillow that are allowed, and shows no layers.
_ENDINGS = {
    "JPEG": "jpg jpeg jpe jfif jif mpo",
    "PNG": "png apng",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp dib",
    "TIFF": "tif tiff",
    "PPM": "ppm pgm pbm pnm pfm",
    "AVIF": "avif avifs",
    "HEIF": "heic heif hif heics heifs",
    "JPEG2000": "jp2 j2k j2c jpc jpf jpx",
    "QOI": "qoi",
    "DDS": "dds",
    "SGI": "sgi rgb rgba bw",
    "ICO": "ico",
    "PCX": "pcx",
    "TGA": "tga icb vda vst",
}
_REMEDIES = {
    "HEIF": "pip install 'gan_zoo[heic]'",
    "AVIF": "pip install -U pillow",
    "JPEG2000": "pip install -U pillow",
}
# Pictures and films that are not read. Raw files of cameras are told as such.
_RAW = (
    "3fr arw cr2 cr3 crw dcr dng erf gpr iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2"
    " srf srw x3f"
)
_OTHERS = (
    "afphoto ai bpg cdr clip cur dcm djvu emf eps exr fit fits fli flif fpx hdr icns jng jxl jxr"
    " kra ktx ktx2 mng mrc nii nrrd ora pam pcd pct pdf pict procreate ps psb psd ras sketch svg"
    " svgz vtf wbmp wdp wmf xbm xcf xpm xwd"
)
_FILMS = "3g2 3gp avi flv insv m2ts m4v mkv mov mp4 mpeg mpg mts ogv vob webm wmv"
# Files that are no pictures, so that their content is not looked at.
_NO_PICTURES = (
    "7z aae arrow bat bin bz2 c ckpt conf cpp css csv db dll doc docx exe feather flac gz h5 hdf5"
    " htm html ics ini ipynb jar js json jsonl license lmdb lnk log m4a mat md mdb mp3 npy npz"
    " ogg onnx p parquet pickle pkl plist pptx pt pth py rar readme rst rtf safetensors sh sqlite"
    " srt tar tex tfrecord tfrecords tgz thm toml tsv txt url vtt wav xlsx xml xmp xz yaml yml zip"
    " zst"
)


def _supported(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on what an old version does not know
        library = {"AVIF": "avif", "JPEG2000": "jpg_2000"}.get(name)
        return name in Image.OPEN and (library is None or bool(features.check(library)))


def _endings(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


FORMATS = tuple(name for name in _ENDINGS if _supported(name))
EXTENSIONS = tuple(sorted(f".{e}" for name in FORMATS for e in _ENDINGS[name].split()))
_READ = frozenset(EXTENSIONS)
_FORMAT_OF = {f".{e}": name for name, words in _ENDINGS.items() for e in words.split()}
_FILM_ENDINGS, _RAW_ENDINGS = _endings(_FILMS), _endings(_RAW)
_NOT_READ = (frozenset(_FORMAT_OF) - _READ) | _RAW_ENDINGS | _endings(_OTHERS) | _FILM_ENDINGS
_OTHER_FILES = _endings(_NO_PICTURES)

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,12}$")


def ending_of(name: str) -> str:
    """Return the ending of a file's name, in lower case and with its dot; "" if it has none."""
    match = _ENDING.search(name.rpartition("/")[2][1:])
    return match[0].lower() if match else ""


def is_read(ending: str) -> bool:
    """Whether files with this ending are read as pictures."""
    return ending in _READ


def is_picture(ending: str) -> bool:
    """Whether files with this ending are pictures or films, read or not."""
    return ending in _READ or ending in _NOT_READ


def is_undecoded(ending: str) -> bool:
    """Whether pictures with this ending are read by a package that is missing here."""
    return ending in _FORMAT_OF and ending not in _READ


def is_unknown(ending: str) -> bool:
    """Whether only the content of a file can tell if it is a picture that is read.

    So it is of formats whose package is missing, too: phones and their tools name a JPEG ``.heic``.
    """
    return is_undecoded(ending) or not (is_picture(ending) or ending in _OTHER_FILES)


def remedy(ending: str) -> str:
    """Return what makes pictures readable whose ending is not read; "" for films."""
    if ending in _FILM_ENDINGS:
        return ""
    if ending in _RAW_ENDINGS:
        return "raw files of a camera; export them as .jpg"
    return _REMEDIES.get(_FORMAT_OF.get(ending, ""), "save them as .png")


MARKS = {
    rb"\xff\xd8\xff": ".jpg",
    rb"\x89PNG\r\n\x1a\n": ".png",
    rb"GIF8[79]a": ".gif",
    rb"RIFF....WEBP": ".webp",
    rb"II[*+]\x00|MM\x00[*+]": ".tif",
    rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00": ".bmp",
    rb"P[1-6][ \t\r\n][ \t\r\n]*[#0-9]": ".ppm",
    rb"....ftyp(?:avi[fs]|.{12,40}avif)": ".avif",
    rb"....ftyp(?:he[a-z][a-z]|mif1|msf1)": ".heic",
    rb"....ftypcrx ": ".cr3",
    rb"....ftypqt  ": ".mov",
    rb"....ftyp": ".mp4",
    rb"\x00\x00\x00\x0cjP  \r\n|\xff\x4f\xff\x51": ".jp2",
    rb"\x00\x00\x00\x0cJXL |\xff\x0a": ".jxl",
    rb"qoif": ".qoi",
    rb"DDS \x7c\x00": ".dds",
    rb"8BPS\x00": ".psd",
    rb"\x76\x2f\x31\x01": ".exr",
    rb"#\?RADIANCE": ".hdr",
    rb"gimp xcf": ".xcf",
    rb"%PDF-": ".pdf",
    rb"%!PS": ".eps",
    rb"\s*(?:<\?xml[^>]*>\s*)?<svg": ".svg",
}
_SNIFF = [(re.compile(pattern, re.DOTALL), ending) for pattern, ending in MARKS.items()]
_TEXTS = [
    (re.compile(rb"\s*<(?:!doctype|html|head|\?xml)", re.IGNORECASE), "a web page, no image"),
    (
        re.compile(rb"version https://git-lfs"),
        "a pointer of Git LFS: git lfs pull gets the image",
    ),
]


def sniff(head: bytes) -> str:
    """Return the usual ending of the format that a file's first bytes show; "" if none."""
    return next((ending for pattern, ending in _SNIFF if pattern.match(head)), "")


@functools.lru_cache(256)
def why_unidentified(head: bytes) -> str:
    """Return in a few words what a file is that Pillow takes for no image.

    Args:
        head: Its first bytes.
    """
    ending = sniff(head)
    if not ending:
        return next((text for mark, text in _TEXTS if mark.match(head)), "no image")
    if is_read(ending):
        return f"a {ending} that is damaged or of a kind that is not read"
    help_ = remedy(ending).replace("save them", "save it")
    return f"in truth {ending}{help_ and f': {help_}'}"
