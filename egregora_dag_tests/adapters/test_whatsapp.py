"""WhatsApp's exports: every way to write a header, and everything a message may be."""

import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Imported,
    adapter_for,
    import_file,
    read_export,
    scratch_database,
)

TITLE = "WhatsApp Chat with Lisbon trip"
Row = dict[str, Any]


def write(folder: Path, *lines: str, name: str = f"{TITLE}.txt", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def archive(folder: Path, text: str, *others: str, name: str, member: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for other in others:
            file.writestr(other, b"\xff\xd8 not a text")
        file.writestr(member, text)
    return path


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def imported(path: Path) -> Imported:
    """What was read from a file, beside the rows."""
    file = ExportFile.open(path)
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "chat", "timezone": "UTC"}
        return import_file(scratch, file, adapter_for(file), **options)


def counts(path: Path) -> tuple[int, int, int, tuple[int, ...]]:
    """Lines, messages and system lines, continuation lines, numbers of rejected ones."""
    tally = imported(path).tally
    assert tally.rejected == len(tally.rejected_lines)
    return tally.lines, tally.messages + tally.system, tally.continuation, tally.rejected_lines


def said(folder: Path, *bodies: str) -> list[Row]:
    """The messages that say this."""
    rows = read(write(folder, *(f"31/12/2025, 18:05 - Ada: {body}" for body in bodies)))
    assert len(rows) == len(bodies)
    assert {row["author"] for row in rows} == {"Ada"}
    return rows


def shown(rows: Sequence[Row], *columns: str) -> list[Any]:
    """Columns of rows, as tuples if there are several."""
    picked = [tuple(row[name] for name in columns) for row in rows]
    return picked if len(columns) > 1 else [value for (value,) in picked]


def times(path: Path) -> list[datetime]:
    return [row["timestamp"].replace(tzinfo=None) for row in read(path)]


MOMENT = datetime(2025, 12, 31, 18, 5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("31/12/2025, 18:05 - ", 0),
        ("31/12/25, 18:05 - ", 0),
        ("31.12.2025, 18:05 - ", 0),
        ("31.12.25, 18:05 - ", 0),
        ("31-12-2025, 18:05 - ", 0),
        ("31/12/2025 18:05 - ", 0),
        ("31. 12. 2025, 18:05 - ", 0),
        ("12/31/25, 6:05 PM - ", 0),
        ("12/31/2025, 6:05 pm - ", 0),
        ("12/31/25, 6:05\u202fPM - ", 0),
        ("31/12/2025, 6:05 p. m. - ", 0),
        ("31/12/2025, 6:05\u00a0p.\u00a0m. - ", 0),
        ("2025-12-31, 18:05 - ", 0),
        ("2025/12/31, 18:05 - ", 0),
        ("2025.12.31, 18:05 - ", 0),
        ("31/12/2025, 18.05 - ", 0),
        ("[31/12/2025, 18:05:07] ", 7),
        ("[31/12/25, 18:05:07] ", 7),
        ("[31.12.25, 18:05:07] ", 7),
        ("[12/31/25, 6:05:07 PM] ", 7),
        ("[12/31/25, 6:05:07\u202fPM] ", 7),
        ("\u200e[31/12/2025, 18:05:07] ", 7),
        ("[2025-12-31, 18:05:07] ", 7),
        ("[31/12/2025 18:05:07] ", 7),
        ("[31-12-2025, 18:05:07] ", 7),
        ("\ufeff31/12/2025, 18:05 - ", 0),
    ],
)
def test_every_way_to_write_a_header_is_read(tmp_path: Path, header: str, seconds: int) -> None:
    path = write(tmp_path, f"{header}Ada: hello", f"{header}Bo: hello you")
    rows = read(path)
    assert [(row["author"], row["content"]) for row in rows] == [
        ("Ada", "hello"),
        ("Bo", "hello you"),
    ]
    assert times(path) == [MOMENT.replace(second=seconds)] * 2
    assert rows[0]["metadata"]["local_time"] == f"2025-12-31 18:05:{seconds:02}"
    assert imported(path).parsed.notes == ()


@pytest.mark.parametrize(
    ("clock", "hour"),
    [("12:30 AM", 0), ("1:30 AM", 1), ("11:30 am", 11), ("12:30 PM", 12), ("1:30 pm", 13)],
)
def test_noon_and_midnight_of_a_twelve_hour_clock(tmp_path: Path, clock: str, hour: int) -> None:
    path = write(tmp_path, f"12/31/25, {clock} - Ada: hello")
    assert times(path) == [datetime(2025, 12, 31, hour, 30)]


@pytest.mark.parametrize(
    ("dates", "expected", "is_guess"),
    [
        (["13/02/2025"], (2, 13), False),
        (["02/13/2025"], (2, 13), False),
        # Only one order lets the time move forward.
        (["01/02/2025", "02/02/2025", "01/03/2025"], (2, 1), False),
        (["02/01/2025", "02/02/2025", "03/01/2025"], (2, 1), False),
        # A date that settles it may stand anywhere.
        (["05/04/2025", "05/06/2025", "05/25/2025"], (5, 4), False),
        (["05/04/2025", "06/04/2025"], (4, 5), True),
    ],
)
def test_the_order_of_day_and_month_is_found_from_all_dates(
    tmp_path: Path, dates: Sequence[str], expected: tuple[int, int], is_guess: bool
) -> None:
    path = write(tmp_path, *(f"{date}, 10:00 - Ada: hello" for date in dates))
    first = times(path)[0]
    assert (first.month, first.day) == expected
    notes = imported(path).parsed.notes
    assert bool(notes) == is_guess
    assert all("day month year and month day year" in note for note in notes)


def test_dates_of_two_orders_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "13/02/2025, 10:00 - Ada: a", "02/13/2025, 10:00 - Ada: b")
    with pytest.raises(ExportError, match="no single order") as caught:
        read_export(path)
    assert caught.value.path == path


def test_times_are_read_in_the_chats_zone(tmp_path: Path) -> None:
    path = write(tmp_path, "15/01/2025, 12:00 - Ada: a", "15/07/2025, 12:00 - Ada: b")
    rows = read(path, timezone="Europe/Lisbon")
    assert [row["timestamp"] for row in rows] == [
        datetime(2025, 1, 15, 12, tzinfo=UTC),
        datetime(2025, 7, 15, 11, tzinfo=UTC),
    ]
    assert [row["message_id"] for row in rows] == [row["message_id"] for row in read(path)]


def test_lines_without_a_header_go_on_the_message_above(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "31/12/2025, 18:05 - Ada: list:",
        "- milk",
        "",
        "  - eggs: six ",
        "31/12/2025, 18:06 - Bo: ok",
        "99:99 - not a header",
    )
    assert [row["content"] for row in read(path)] == [
        "list:\n- milk\n\n  - eggs: six ",
        "ok\n99:99 - not a header",
    ]
    assert counts(path) == (6, 2, 4, ())


def test_line_ends_of_windows_and_a_last_line_without_one(tmp_path: Path) -> None:
    path = tmp_path / f"{TITLE}.txt"
    path.write_bytes(b"31/12/2025, 18:05 - Ada: a\r\nb\r\n31/12/2025, 18:06 - Bo: c")
    assert [row["content"] for row in read(path)] == ["a\nb", "c"]
    assert imported(path).tally.lines == 3


TEXTS = (
    "see: this: that",
    "12:30: lunch",
    "a",
    "",
    "- dash - dash",
    "[1] [2]",
    "tab\there",
    "💬 ملاحظة 日本",
    "it's (not) <tagged>",
    "31/12/2025 was fun",
    "Media omitted",
    "the file attached",
    "This message was deleted, they said",
)


def test_text_stays_as_it_was_written(tmp_path: Path) -> None:
    rows = said(tmp_path, *TEXTS)
    assert shown(rows, "content") == list(TEXTS)
    assert set(shown(rows, "kind", "media_path", "media_type")) == {("message", None, None)}


def test_a_name_may_be_a_number_or_hold_any_sign(tmp_path: Path) -> None:
    names = (
        "Ada Lovelace",
        "+55 11 98765-4321",
        "~ Ada",
        "Ada (work)",
        "O'Brien",
        "Éva 🌻",
        "A-B - C",
    )
    rows = read(
        write(tmp_path, *(f"31/12/2025, 18:05 - \u200e{name}: hello: you" for name in names))
    )
    assert shown(rows, "author") == list(names)
    assert set(shown(rows, "content")) == {"hello: you"}


@pytest.mark.parametrize("header", ["31/12/2025, 18:05 - ", "[31/12/2025, 18:05:07] "])
def test_a_name_ends_at_the_first_colon_that_has_a_space_behind_it(
    tmp_path: Path, header: str
) -> None:
    lines = ("Ada:Bo: hello", "Ada:: hello", ":Ada: hello", " Ada: hello", ": hello", "Ada hello:")
    rows = read(write(tmp_path, *(f"{header}{line}" for line in lines)))
    assert [(row["author"], row["content"]) for row in rows] == [
        ("Ada:Bo", "hello"),
        ("Ada:", "hello"),
        (":Ada", "hello"),
        ("Ada", "hello"),
        (None, ": hello"),
        (None, "Ada hello:"),
    ]


def test_a_space_behind_a_bracket_may_be_left_out(tmp_path: Path) -> None:
    first, second = "[31/12/2025, 18:05:07]", "\u200e[31/12/2025, 18:06:07]"
    lines = (f"{first} Ada: hello", f"{second}Bo: hello", f"{second} \u200eAda: hello")
    rows = read(write(tmp_path, *lines))
    assert [row["author"] for row in rows] == ["Ada", "Bo", "Ada"]
    assert {row["content"] for row in rows} == {"hello"}


def test_a_header_may_be_all_that_a_line_holds(tmp_path: Path) -> None:
    lines = ("31/12/2025, 18:05 - Ada: hello", "31/12/2025, 18:06 -", "31/12/2025, 18:06 - ")
    rows = read(write(tmp_path, *lines, "and on"))
    assert [row["content"] for row in rows] == ["hello", "", "\nand on"]


def test_what_the_application_says_has_no_author(tmp_path: Path) -> None:
    lines = (
        "Messages and calls are end-to-end encrypted. No one outside of this chat can read them.",
        "Ada added Bo",
        "Ada left",
        'Ada changed the subject to "Trip: Lisbon"',
        "Ada created group “Trip: Lisbon”",
        "Ada alterou o nome para «Viagem: Lisboa»",
        "Your security code with Bo changed.",
    )
    rows = read(write(tmp_path, *(f"31/12/2025, 18:05 - {line}" for line in lines)))
    assert shown(rows, "content") == list(lines)
    assert set(shown(rows, "kind", "author")) == {("system", None)}


def test_the_first_line_of_an_iphone_is_the_applications_though_it_has_the_chats_name(
    tmp_path: Path,
) -> None:
    said = "\u200eMessages and calls are end-to-end encrypted."
    path = write(
        tmp_path,
        f"[31/12/2025, 18:05:00] Ada: {said}",
        f"[31/12/2025, 18:05:01] Bo: {said.lstrip(chr(0x200E))}",
        name="WhatsApp Chat - Ada.txt",
    )
    assert [(row["kind"], row["author"]) for row in read(path)] == [
        ("system", None),
        ("message", "Bo"),
    ]


def test_what_the_application_says_may_hold_a_link(tmp_path: Path) -> None:
    start = "[31/12/2025, 18:05:00]"
    path = write(
        tmp_path,
        f"{start} Sheds: \u200eThe description is now https://sheds.example",
        f"{start} Bo: \u200eBo set the description to https://sheds.example",
        f"{start} Bo: see https://sheds.example",
        f"{start} Bo: \u200eLocation: https://maps.google.com/?q=38.7,-9.1",
        name="WhatsApp Chat - Sheds.txt",
    )
    assert shown(read(path), "kind", "author") == [
        ("system", None),
        ("system", None),
        ("message", "Bo"),
        ("location", "Bo"),
    ]


FILES = {
    "IMG-20251231-WA0001.jpg": "image",
    "photo.JPEG": "image",
    "a picture, of us.png": "image",
    "x.heic": "image",
    "VID-20251231-WA0001.mp4": "video",
    "x.mov": "video",
    "PTT-20251231-WA0001.opus": "audio",
    "x.m4a": "audio",
    "STK-20251231-WA0001.webp": "sticker",
    "Terms (2).pdf": "document",
    "x.docx": "document",
    "x.zip": "document",
}


@pytest.mark.parametrize(
    "form",
    [
        "{} (file attached)",
        "\u200e{} (arquivo anexado)",
        "{} (Datei angehängt)",
        "{} (archivo adjunto)",
        "{} (fichier joint)",
        "{} (file allegato)",
        "\u200e<attached: {}>",
        "<anexado: {}>",
        "<adjunto: {}>",
        "\u200e<pièce jointe: {}>",
    ],
)
@pytest.mark.parametrize("caption", ["", "look: at\nthis"])
def test_an_attachment_has_a_path_a_type_and_its_caption_as_text(
    tmp_path: Path, form: str, caption: str
) -> None:
    bodies = [form.format(file) + (f"\n{caption}" if caption else "") for file in FILES]
    rows = said(tmp_path, *bodies)
    assert dict(shown(rows, "media_path", "media_type")) == FILES
    assert set(shown(rows, "kind", "content")) == {("media", caption)}


def test_a_caption_may_stand_in_front_of_a_tag(tmp_path: Path) -> None:
    rows = said(tmp_path, "look\nat this \u200e<attached: 0001-PHOTO.jpg>")
    assert shown(rows, "kind", "media_path", "content") == [
        ("media", "0001-PHOTO.jpg", "look\nat this")
    ]


OMITTED = [
    ("<Media omitted>", None),
    ("<Mídia oculta>", None),
    ("<Multimedia omitido>", None),
    ("<Medien ausgeschlossen>", None),
    ("<Médias omis>", None),
    ("<Media omessi>", None),
    ("\u200eimage omitted", "image"),
    ("\u200evideo omitted", "video"),
    ("\u200eGIF omitted", "video"),
    ("\u200eaudio omitted", "audio"),
    ("\u200esticker omitted", "sticker"),
    ("\u200edocument omitted", "document"),
    ("imagem ocultada", "image"),
    ("figurinha omitida", "sticker"),
    ("Bild weggelassen", "image"),
]


@pytest.mark.parametrize("caption", ["", "what a day"])
def test_a_file_that_was_left_out_is_media_all_the_same(tmp_path: Path, caption: str) -> None:
    rows = said(tmp_path, *(body + (f"\n{caption}" if caption else "") for body, _ in OMITTED))
    assert shown(rows, "media_type") == [media_type for _, media_type in OMITTED]
    assert set(shown(rows, "kind", "media_path", "content")) == {("media", None, caption)}


KINDS = [
    ("This message was deleted", "deleted"),
    ("\u200eThis message was deleted.", "deleted"),
    ("You deleted this message", "deleted"),
    ("Mensagem apagada", "deleted"),
    ("Se eliminó este mensaje.", "deleted"),
    ("Diese Nachricht wurde gelöscht.", "deleted"),
    ("Ce message a été supprimé", "deleted"),
    ("Questo messaggio è stato eliminato", "deleted"),
    ("Missed voice call", "call"),
    ("\u200eMissed group video call", "call"),
    ("\u200eVoice call, \u200e12 min", "call"),
    ("Chamada de voz perdida", "call"),
    ("Verpasster Sprachanruf", "call"),
    ("POLL:\nWhere to?\nOPTION: Lisbon (2 votes)", "poll"),
    ("\u200ePOLL:\nWhere to?", "poll"),
    ("location: https://maps.google.com/?q=38.7,-9.1", "location"),
    ("\u200eLocation: https://maps.google.com/?q=38.7,-9.1", "location"),
    ("https://maps.google.com/?q=38.7,-9.1", "location"),
    ("Bo Silva.vcf (file attached)", "contact"),
    ("\u200e<attached: 0001-Bo Silva.vcf>", "contact"),
    ("\u200eContact card omitted", "contact"),
]


def test_what_is_no_text_and_no_file_has_a_kind_of_its_own(tmp_path: Path) -> None:
    rows = said(tmp_path, *(body for body, _ in KINDS))
    assert shown(rows, "kind") == [kind for _, kind in KINDS]
    assert set(shown(rows, "media_type")) == {None}


def test_an_edited_message_is_known_as_such_and_its_mark_is_no_text(tmp_path: Path) -> None:
    marks = (
        "<This message was edited>",
        "\u200e<This message was edited>",
        "<Mensagem editada>",
        "<Diese Nachricht wurde bearbeitet.>",
        "<Ce message a été modifié>",
    )
    rows = said(tmp_path, *(f"at eight\nor nine {mark}" for mark in marks), "at eight")
    assert shown(rows, "content") == ["at eight\nor nine"] * 5 + ["at eight"]
    assert [row["metadata"]["edited"] for row in rows] == [True] * 5 + [False]
    assert set(shown(rows, "kind")) == {"message"}


def test_mentions_and_links_are_found_in_the_text(tmp_path: Path) -> None:
    [row] = said(tmp_path, "@351912345678 see https://example.org/a?b=c, (http://x.org). me@x.org")
    assert row["metadata"]["mentions"] == ["351912345678"]
    assert row["metadata"]["urls"] == ["https://example.org/a?b=c", "http://x.org"]


def test_a_date_that_does_not_exist_is_rejected_with_what_follows_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "28/02/2025, 10:00 - Ada: a",
        "31/02/2025, 10:00 - Ada: never",
        "neither was this",
        "01/03/2025, 25:00 - Ada: nor this",
        "01/03/2025, 10:00 - Bo: b",
        "goes on",
    )
    assert [row["content"] for row in read(path)] == ["a", "b\ngoes on"]
    assert counts(path) == (6, 2, 1, (2, 3, 4))


def test_lines_before_the_first_header_are_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, "copied by hand", "", "31/12/2025, 18:05 - Ada: a", "more")
    assert counts(path) == (4, 1, 1, (1, 2))
    [row] = read(path)
    assert row["metadata"]["line"] == 3
    assert row["metadata"]["file"] == path.name


def test_every_line_of_a_long_and_mixed_file_is_accounted_for(tmp_path: Path) -> None:
    lines = ["lost"]
    for day in range(1, 32):
        date = f"{day:02}/02/2025, 10:{day:02}"
        lines += [
            f"{date} - Ada: hello",
            f"{date} - Bo left",
            "more",
            f"{date} - Bo: <Media omitted>",
        ]
    path = write(tmp_path, *lines)
    lines_read, messages, continuation, rejected = counts(path)
    assert lines_read == len(lines) == 125
    assert messages == 28 * 3
    assert (continuation, len(rejected)) == (28, 1 + 3 * 4)
    assert messages + continuation + len(rejected) == lines_read


def test_the_export_with_media_and_the_one_without_hold_the_same_messages(tmp_path: Path) -> None:
    def lines(photo: str, note: str) -> list[str]:
        return [
            "31/12/2025, 18:04 - Ada added Bo",
            "31/12/2025, 18:05 - Ada: hello",
            f"31/12/2025, 18:05 - Ada: {photo}",
            f"31/12/2025, 18:05 - Ada: {photo}",
            f"31/12/2025, 18:06 - Ada: {note}",
            "our terms",
        ]

    without = write(tmp_path, *lines("<Media omitted>", "<Media omitted>"))
    (tmp_path / "with").mkdir()
    text = lines("IMG-1.jpg (file attached)", "\u200eterms.pdf (file attached)")
    with_ = write(tmp_path / "with", *text)
    ids = [row["message_id"] for row in read(without)]
    assert len(set(ids)) == 5
    assert [row["message_id"] for row in read(with_)] == ids
    assert [row["media_path"] for row in read(with_)][2:] == ["IMG-1.jpg", "IMG-1.jpg", "terms.pdf"]


TEXT = "31/12/2025, 18:05 - Ada: IMG-1.jpg (file attached)\n31/12/2025, 18:06 - Bo: nice\n"
IOS = "[31/12/2025, 18:05:00] Ada: \u200e<attached: 1.jpg>\r\n[31/12/2025, 18:06:00] Bo: nice\r\n"


@pytest.mark.parametrize(
    ("text", "name", "member", "others"),
    [
        (TEXT, f"{TITLE}.zip", f"{TITLE}.txt", ["IMG-1.jpg", "notes.txt"]),
        (TEXT, f"{TITLE}.zip", f"{TITLE}.txt", []),
        (IOS, "WhatsApp Chat - Lisbon trip.zip", "_chat.txt", ["1.jpg", "list.txt"]),
        (TEXT, f"{TITLE} (2).zip", f"{TITLE}.txt", ["folder/other.txt"]),
    ],
)
def test_the_archive_of_a_phone_is_read_like_its_text(
    tmp_path: Path, text: str, name: str, member: str, others: list[str]
) -> None:
    path = archive(tmp_path, text, *others, name=name, member=member)
    rows = read(path)
    assert [(row["author"], row["kind"], row["thread_id"]) for row in rows] == [
        ("Ada", "media", "lisbon-trip"),
        ("Bo", "message", "lisbon-trip"),
    ]
    assert imported(path).tally.lines == 2


@pytest.mark.parametrize(
    "name",
    [
        "WhatsApp Chat with Lisbon trip.txt",
        "WhatsApp Chat with Lisbon trip (1).txt",
        "WhatsApp Chat - Lisbon trip.txt",
        "Conversa do WhatsApp com Lisbon trip.txt",
        "Chat de WhatsApp con Lisbon trip.txt",
        "WhatsApp-Chat mit Lisbon trip.txt",
        "Discussion WhatsApp avec Lisbon trip.txt",
        "Chat WhatsApp con Lisbon trip.txt",
        "Lisbon trip.txt",
    ],
)
def test_the_chat_is_named_by_the_file(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "31/12/2025, 18:05 - Ada: hello", name=name)
    [row] = read(path)
    assert (row["thread_id"], row["source"]) == ("lisbon-trip", "whatsapp")
    assert read(path, thread="other")[0]["thread_id"] == "other"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_may_be_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "31/12/2025, 18:05 - Éva: olá 🌻", encoding=encoding)
    [row] = read(path)
    assert (row["author"], row["content"]) == ("Éva", "olá 🌻")


def test_lines_that_are_not_utf_8_are_read_as_windows_1252_and_counted(tmp_path: Path) -> None:
    lines = ["31/12/2025, 18:05 - Ada: fine 🌻", "31/12/2025, 18:05 - Ada: café – “ok”"]
    path = tmp_path / f"{TITLE}.txt"
    path.write_bytes(lines[0].encode() + b"\n" + lines[1].encode("cp1252"))
    assert shown(read(path), "content") == ["fine 🌻", "café – “ok”"]
    assert imported(path).parsed.notes == ("1 line not UTF-8; read as Windows-1252.",)


def damaged(folder: Path) -> Path:
    path = archive(folder, TEXT * 50, name="damaged.zip", member="_chat.txt")
    path.write_bytes(path.read_bytes()[:-30])
    return path


def corrupted(folder: Path, byte: int) -> Path:
    text = "".join(TEXT.replace("nice", f"{n * n} nice") for n in range(500))
    path = archive(folder, text, name="corrupted.zip", member="_chat.txt")
    content = bytearray(path.read_bytes())
    content[60:260] = bytes([byte] * 200)
    path.write_bytes(content)
    return path


def encrypted(folder: Path) -> Path:
    path = archive(folder, TEXT, name="encrypted.zip", member="_chat.txt")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def bomb(folder: Path) -> Path:
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("_chat.txt", TEXT + " " * (60 << 20))
    return path


def without_text(folder: Path) -> Path:
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("1.jpg", b"x")
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: folder / "missing.txt", "No such file"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: write(folder, name="empty.txt"), "is empty"),
        (lambda folder: write(folder, "just some words", name="x.txt"), "no chat that is known"),
        (
            lambda folder: write(folder, "\x00\x01\x7f\x00" * 99, name="x.bin"),
            "no chat that is known",
        ),
        (without_text, "no chat that is known"),
        (damaged, "the archive is damaged"),
        (lambda folder: corrupted(folder, 0x00), "the archive is damaged"),
        (lambda folder: corrupted(folder, 0xFF), "the archive is damaged"),
        (encrypted, "is encrypted.*without a password"),
        (bomb, "expands to 62,9.* bytes"),
    ],
)
def test_a_file_that_is_no_chat_is_refused_by_name_with_what_to_do(
    tmp_path: Path, make: Any, problem: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ExportError, match=problem) as caught:
        read_export(path)
    assert caught.value.path == path
    assert str(caught.value).startswith(path.name)
    assert str(caught.value).endswith(".")


def test_a_text_without_headers_is_refused_when_it_is_said_to_be_whatsapps(tmp_path: Path) -> None:
    path = write(tmp_path, "just some words")
    with pytest.raises(ExportError, match="no line begins like a WhatsApp message"):
        read_export(path, source="whatsapp")
