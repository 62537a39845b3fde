"""What may be handed in as a file: JPEG, PNG and WebP pictures, and PDF, told by their content and never by their name.

Pictures are decoded and written anew, upright, without EXIF or anything else that a camera or a person hid in them. Decoding lets other
threads run (Pillow does it without the interpreter's lock), and is bounded in bytes and pixels.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

MOST_BYTES = 10 << 20
MOST_PIXELS = 50_000_000
THUMB = 320
LONGEST = 4096  # of a kept picture's longer side
_FORMS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class PictureError(ValueError):
    """Why a file is not taken; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file as it is kept. No picture: `thumb` None, width and height 0."""

    content: bytes
    media_type: str
    width: int
    height: int


def take(content: bytes) -> Taken:
    """The file as it is kept. Raises PictureError."""
    if not content:
        raise PictureError("the file is empty")
    if len(content) > MOST_BYTES:
        raise PictureError(f"the file has {len(content)} bytes; at most {MOST_BYTES} are taken")
    if content[:5] == b"%PDF-":
        if b"%%EOF" not in content[-2048:]:
            raise PictureError("the PDF has no end: it is not whole")
        return Taken(content, "application/pdf", 0, 0)
    image, form = _decoded(content)
    image.thumbnail((LONGEST, LONGEST))
    out = io.BytesIO()
    if form == "PNG":
        image.save(out, "PNG", optimize=False)
    else:
        (image if image.mode in ("RGB", "L") else image.convert("RGB")).save(out, form, quality=88)
    return Taken(out.getvalue(), _FORMS[form], *image.size)


def take_picture(content: bytes) -> Taken:
    """Only a picture will do. Raises PictureError."""
    taken = take(content)
    if not taken.width:
        raise PictureError("a picture is needed here: JPEG, PNG or WebP")
    return taken


def thumbnail(content: bytes) -> bytes:
    """A small JPEG of a kept picture. Raises PictureError."""
    image, _ = _decoded(content)
    image.thumbnail((THUMB, THUMB))
    out = io.BytesIO()
    (image if image.mode in ("RGB", "L") else image.convert("RGB")).save(out, "JPEG", quality=80)
    return out.getvalue()


def _decoded(content: bytes) -> tuple[Image.Image, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is bounded here
            with Image.open(io.BytesIO(content), formats=list(_FORMS)) as opened:
                form = opened.format or ""
                if opened.width * opened.height > MOST_PIXELS:
                    raise PictureError(f"the picture has {opened.width} x {opened.height} pixels; at most {MOST_PIXELS} are taken")
                upright = ImageOps.exif_transpose(opened)
                image = Image.new(upright.mode if upright.mode in ("RGB", "L", "RGBA") else "RGB", upright.size)
                image.paste(upright.convert(image.mode))
    except PictureError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError, IndexError) as error:
        raise PictureError("the file is no whole JPEG, PNG or WebP picture and no PDF") from error
    return image, form
