"""Files are found in archives by the names that messages give them, and measured without harm."""

import io
import struct
import wave
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from egregora_dag.enriching import media, pictures
from egregora_dag.enriching.media import ExportedMedia

ORIENTATION, ARTIST = 0x0112, 0x013B


def archive(folder: Path, members: dict[str, bytes], name: str = "chat.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for member, content in members.items():
            zipped.writestr(member, content)
    return path


def picture(
    size: tuple[int, int] = (800, 600), form: str = "JPEG", orientation: int | None = None
) -> bytes:
    """A picture whose left half is red, with an artist's name, a comment and a colour profile."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[ARTIST] = "Ana Secret"
    if orientation:
        exif[ORIENTATION] = orientation
    data = io.BytesIO()
    image.save(
        data, form, exif=exif, xmp=b"<x>Ana Secret</x>", icc_profile=b"Ana Secret" * 20, quality=90
    )
    return data.getvalue()


def sound(seconds: float) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * int(8000 * seconds))
    return data.getvalue()


def video(form: str, codec: str, seconds: int = 2) -> bytes:
    """Ten pictures a second, the left half white."""
    data = io.BytesIO()
    with av.open(data, "w", format=form) as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 352, "yuv420p"
        shown = np.zeros((352, 640, 3), np.uint8)
        shown[:, :320] = 255
        for _ in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return data.getvalue()


def only(tmp_path: Path, name: str, content: bytes) -> media.Measured:
    found = ExportedMedia([archive(tmp_path, {name: content})]).measure(name)
    assert found is not None
    return found


def test_a_picture_is_measured_and_made_small(tmp_path: Path) -> None:
    content = picture()
    found = only(tmp_path, "IMG-1.jpg", content)
    assert (found.file.mime, found.file.size) == ("image/jpeg", len(content))
    assert (found.file.width, found.file.height, found.file.seconds) == (800, 600, None)
    small = found.thumbnail
    assert small is not None
    assert (small.mime, small.width, small.height) == ("image/webp", 320, 240)
    with Image.open(io.BytesIO(small.data)) as shown:
        assert shown.size == (320, 240)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_thumbnail_holds_nothing_but_pixels(tmp_path: Path, form: str) -> None:
    content = picture(form=form)
    assert b"Ana Secret" in content or form == "PNG"
    small = only(tmp_path, f"a.{form.lower()}", content).thumbnail
    assert small is not None
    assert b"Ana" not in small.data
    with Image.open(io.BytesIO(small.data)) as shown:
        assert not shown.getexif()
        assert not {"exif", "icc_profile", "xmp", "comment"} & shown.info.keys()


def test_a_picture_that_lies_on_its_side_is_shown_upright(tmp_path: Path) -> None:
    found = only(tmp_path, "a.jpg", picture(orientation=6))
    assert (found.file.width, found.file.height) == (600, 800)
    small = found.thumbnail
    assert small is not None
    assert (small.width, small.height) == (240, 320)
    with Image.open(io.BytesIO(small.data)) as shown:
        top, bottom = shown.getpixel((120, 20)), shown.getpixel((120, 300))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    # What was left is up.
    assert top[0] > 200 > top[2]
    assert bottom[2] > 200 > bottom[0]


def test_a_picture_of_too_many_pixels_is_measured_but_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 800 * 600 - 1)
    found = only(tmp_path, "a.png", picture(form="PNG"))
    assert (found.file.width, found.thumbnail) == (800, None)


def test_a_picture_that_claims_to_be_huge_takes_no_room(tmp_path: Path) -> None:
    content = bytearray(picture((8, 8), "PNG"))
    at = content.index(b"IHDR") + 4
    content[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    found = only(tmp_path, "a.png", bytes(content))
    assert found.thumbnail is None


def test_a_sound_tells_how_long_it_plays(tmp_path: Path) -> None:
    found = only(tmp_path, "a.wav", sound(2.5))
    assert (found.file.mime, found.file.seconds, found.file.width) == ("audio/wav", 2.5, None)
    assert found.thumbnail is None


@pytest.mark.parametrize(
    ("name", "form", "codec"), [("a.mp4", "mp4", "mpeg4"), ("a.webm", "webm", "libvpx")]
)
def test_a_video_is_measured_and_shown_by_its_first_picture(
    tmp_path: Path, name: str, form: str, codec: str
) -> None:
    found = only(tmp_path, name, video(form, codec))
    assert (found.file.width, found.file.height) == (640, 352)
    assert found.file.seconds == pytest.approx(2, abs=0.2)
    small = found.thumbnail
    assert small is not None
    with Image.open(io.BytesIO(small.data)) as shown:
        assert shown.size == (320, 176)
        left, right = shown.getpixel((40, 88)), shown.getpixel((280, 88))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert (min(left) > 200, max(right) < 60) == (True, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", b""),
        ("a.jpg", b"no picture"),
        ("a.png", picture()[:200]),
        ("a.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"),
        ("a.mp4", video("mp4", "mpeg4")[:500]),
        ("a.ogg", b"OggS" + b"\xff" * 100),
        ("a.bin", b"\0" * 10),
        ("a", b"?"),
    ],
)
def test_of_a_file_that_nothing_can_read_type_and_size_are_told(
    tmp_path: Path, name: str, content: bytes
) -> None:
    found = only(tmp_path, name, content)
    assert found.file.size == len(content)
    assert found.file.seconds is None
    assert found.thumbnail is None


def test_damaged_pictures_do_no_harm(tmp_path: Path) -> None:
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"):
        data = io.BytesIO()
        Image.new("RGB", (64, 48), "green").save(data, form)
        whole = data.getvalue()
        members = {}
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            broken = bytearray(whole)
            broken[at : at + 4] = bytes(byte ^ 0x5A for byte in broken[at : at + 4])
            members[f"{at}.{form.lower()}"] = bytes(broken)
            members[f"cut{at}.{form.lower()}"] = whole[:at]
        exported = ExportedMedia([archive(tmp_path, members, f"{form}.zip")])
        for name, content in members.items():
            found = exported.measure(name)
            assert found is not None
            assert found.file.size == len(content)


def test_a_file_is_found_under_the_name_that_the_message_gives(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        {"IMG-1.jpg": b"1", "ChatExport/photos/photo_1.jpg": b"22", "cafe\u0301.pdf": b"333"},
    )
    exported = ExportedMedia([tmp_path / "missing.zip", path])
    sizes = [
        found.file.size if (found := exported.measure(name)) else None
        for name in ("IMG-1.jpg", "photos/photo_1.jpg", "caf\u00e9.pdf", "IMG-2.jpg", "", "a/")
    ]
    assert sizes == [1, 2, 3, None, None, None]


def test_names_that_climb_out_of_the_archive_hold_no_file(tmp_path: Path) -> None:
    exported = ExportedMedia([archive(tmp_path, {"../../secret.jpg": b"1", "/etc/a.jpg": b"2"})])
    assert exported.digest("../../secret.jpg") is None
    assert exported.measure("/etc/a.jpg") is None


def test_a_digest_changes_with_the_content_and_is_the_same_in_another_archive(
    tmp_path: Path,
) -> None:
    paths = [
        archive(tmp_path, {"a.jpg": content}, name)
        for name, content in (("1.zip", b"one"), ("2.zip", b"one"), ("3.zip", b"two"))
    ]
    digests = [ExportedMedia([path]).digest("a.jpg") for path in paths]
    assert digests[0] == digests[1] != digests[2]


def test_a_member_that_is_damaged_is_told_by_what_the_archive_says(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.jpg": picture()})
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(content)
    found = ExportedMedia([path]).measure("a.jpg")
    assert found is not None
    assert found.file.mime == "image/jpeg"
    assert found.thumbnail is None


def test_what_is_longer_than_a_file_may_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MOST_BYTES", 1000)
    found = only(tmp_path, "a.jpg", picture())
    assert found.file.size > 1000
    assert (found.file.width, found.thumbnail) == (None, None)
