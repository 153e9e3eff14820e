"""What a TIFF says of its values and Pillow does not heed."""

from __future__ import annotations

import io
import logging

from PIL import Image, TiffImagePlugin

# Pillow writes an error there and raises another: this one is told with the file's name.
logging.getLogger(TiffImagePlugin.__name__).setLevel(logging.CRITICAL)

_BITS, _PHOTOMETRIC, _CHANNELS, _FORMAT = 258, 262, 277, 339
_FORMATS = {1: "{} bits", 2: "{} bits with a sign", 3: "{}-bit floating-point numbers"}
_SIGNED = 2


def is_negative(image: Image.Image) -> bool:
    """Whether 0 is white in an opened file of 16 bits or of floats; Pillow turns others itself."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(_PHOTOMETRIC) == 0 and image.mode.startswith(("I", "F"))


def has_more_channels(image: Image.Image) -> bool:
    """Whether an opened file has channels beside those that Pillow reads."""
    return getattr(image, "tag_v2", {}).get(_CHANNELS, 1) > len(image.getbands())


def refuse_signed_bytes(image: Image.Image) -> None:
    """Complain of bytes below 0, which Pillow takes for those above 127.

    Args:
        image: As Pillow loaded it.

    Raises:
        ValueError: There are such.
    """
    formats = getattr(image, "tag_v2", {}).get(_FORMAT, ())
    if _SIGNED in formats and image.mode == "L" and image.getextrema()[1] > 127:  # type: ignore
        raise ValueError("values below 0 in bytes with a sign; save it with 0 to 255")


def kind_of(data: bytes) -> str:
    """Return what is in a TIFF that Pillow does not read, as ``13 channels of 16 bits``.

    It is "" for a damaged one.
    """
    try:
        header = data[: 16 if 43 in data[2:4] else 8]
        tags, file = TiffImagePlugin.ImageFileDirectory_v2(header), io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        values = _FORMATS[tags.get(_FORMAT, (1,))[0]].format(tags[_BITS][0])
        channels = tags.get(_CHANNELS, 1)
        return f"{channels} channel{'s' if channels > 1 else ''} of {values}"
    except Exception:  # whatever a damaged file makes Pillow raise
        return ""
