"""What Pillow tells of a picture, and a small copy of it; needs the extra `media`."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import IO, Final

from PIL import Image, ImageOps

from egregora_dag.database.thumbnails import Thumbnail

# A picture of more pixels is measured, but not decoded: it would take more memory than there is.
MOST_PIXELS: Final = 64_000_000
_SIDE: Final = 320  # Pixels of a thumbnail's longer side.
_QUALITY: Final = 75
# Formats whose decoders are made for what strangers send; none of them starts a program.
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF")
# EXIF orientations under which a picture lies on its side.
_ON_ITS_SIDE: Final = range(5, 9)
_ORIENTATION: Final = 0x0112
# What Pillow raises for content that is not as it should be.
_DAMAGE: Final = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError),
    *(LookupError, TypeError, ArithmeticError, AttributeError, RuntimeError),
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Picture:
    """What there is to see.

    Attributes:
        width: Pixels, as it is shown; None if nothing can tell.
        height: Pixels, as it is shown.
        image: The picture, small and upright; None if it cannot be decoded.
    """

    width: int | None = None
    height: int | None = None
    image: Image.Image | None = None


def look(content: IO[bytes]) -> Picture:
    """Measure a picture.

    Args:
        content: The file.

    Returns:
        What could be found out; of a damaged file nothing, or only the size.
    """
    picture = Picture()
    try:
        with Image.open(content, formats=_FORMATS) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
                width, height = height, width
            picture = Picture(width, height)
            if width * height > MOST_PIXELS:
                return picture
            # A JPEG is decoded at a fraction of its size.
            image.draft(None, (2 * _SIDE, 2 * _SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((_SIDE, _SIDE))
            return Picture(width, height, upright)
    except _DAMAGE:
        return picture


def thumbnail(image: Image.Image, sha256: str) -> Thumbnail | None:
    """A small copy of a picture, of its pixels alone: no EXIF, no colour profile, no comment.

    Args:
        image: The picture.
        sha256: Digest of the file it is from.

    Returns:
        A WebP of at most 320 pixels a side; None if the picture cannot be converted.
    """
    try:
        image.thumbnail((_SIDE, _SIDE))
        mode = "RGBA" if image.has_transparency_data else "RGB"
        clean = Image.new(mode, image.size)
        clean.paste(image.convert(mode))
        data = io.BytesIO()
        clean.save(data, "WEBP", quality=_QUALITY)
    except _DAMAGE:
        return None
    return Thumbnail(sha256, *clean.size, "image/webp", data.getvalue())
