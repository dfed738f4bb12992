"""What FFmpeg's libraries tell of a sound or a video; needs the extra `media`."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import IO, Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from egregora_dag.enriching.pictures import MOST_PIXELS

_SIDE: Final = 320
# Packets among which the first whole picture of a video is looked for.
_PACKETS: Final = 60
# The container of each type. It is not guessed from the content: some formats are lists of
# addresses, which would be opened.
_CONTAINERS: Final = {
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "video/3gpp": "mov",
    "video/matroska": "matroska",
    "video/mp4": "mov",
    "video/mpeg": "mpeg",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-msvideo": "avi",
}
_NO_OTHER_FILE: Final = {"protocol_whitelist": "none"}
# What PyAV raises for content that is not as it should be.
_DAMAGE: Final = (av.FFmpegError, ValueError, LookupError, ArithmeticError, EOFError, MemoryError)


@dataclass(frozen=True)
class Recording:
    """What there is to hear and see.

    Attributes:
        seconds: How long it plays; None if nothing can tell.
        width: Pixels, as it is shown; None for sounds, or if nothing can tell.
        height: Pixels, as it is shown.
        image: Its first picture, small and upright; None if there is none.
    """

    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    image: Image.Image | None = None


def look(content: IO[bytes], mime: str) -> Recording:
    """Measure a sound or a video.

    Args:
        content: The file.
        mime: Its media type, such as `video/mp4`.

    Returns:
        What could be found out; nothing of a damaged file, or one of a type that is not known.
    """
    container = _CONTAINERS.get(mime)
    if container is None:
        return Recording()
    try:
        with av.open(content, "r", format=container, options=_NO_OTHER_FILE) as opened:
            seconds = _seconds(opened)
            if not mime.startswith("video/") or not opened.streams.video:
                return Recording(seconds)
            return _seen(opened, opened.streams.video[0], seconds)
    except _DAMAGE:
        return Recording()


def _seconds(opened: InputContainer) -> float | None:
    if opened.duration is not None:
        return round(opened.duration / av.time_base, 1)
    lengths = [
        stream.duration * (stream.time_base or Fraction(0))
        for stream in opened.streams
        if stream.duration is not None
    ]
    return round(float(max(lengths)), 1) if lengths else None


def _seen(opened: InputContainer, stream: VideoStream, seconds: float | None) -> Recording:
    """Measure the pictures; they may be there to measure where none can be decoded."""
    width, height = stream.width, stream.height
    seen = Recording(seconds, width or None, height or None)
    if not 0 < width * height <= MOST_PIXELS:
        return seen
    try:
        for packet in islice(opened.demux(stream), _PACKETS):
            for frame in packet.decode():
                scale = min(1.0, _SIDE / max(frame.width, frame.height))
                across, down = (max(1, round(side * scale)) for side in (frame.width, frame.height))
                small = Image.fromarray(
                    frame.reformat(width=across, height=down, format="rgb24").to_ndarray()
                )
                turned = small.rotate(frame.rotation, expand=True)
                if frame.rotation % 180:
                    width, height = height, width
                return Recording(seconds, width, height, turned)
    except _DAMAGE:
        return seen
    return seen
