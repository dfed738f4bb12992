"""What is kept out of messages on their way in: names, addresses, numbers; ids tell none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.adapters import Privacy, masked_texts, read_export, scratch_database
from egregora_dag.exceptions import EgregoraError

KEY = "a key of the tests"
BOTH: dict[str, Any] = {"pseudonymize": True, "mask_pii": True}
ADA, BO, PHONE = "Ada Lovelace", "Bo", "+351 912 345 678"

MASKED = {
    # E-mail addresses
    "mail ada@example.org now": "mail [email] now",
    "<ada.b+c@mail.example.co.uk>, JOÃO@exemplo.pt.": "<[email]>, [email].",
    "mailto:ada@x.org": "mailto:[email]",
    "メールはada@x.orgです": "メールは[email]です",
    "https://x.org/?e=ada%40x.org&b=1": "https://x.org/?e=[email]&b=1",
    # Phone numbers with the country's code
    "call +351 912 345 678 now": "call [phone] now",
    "+351912345678\n+1 (415) 555-2671": "[phone]\n[phone]",
    "+55 11 98765-4321, +44 (0)20 7946 0958": "[phone], [phone]",
    "(+351) 912 345 678; +351.912.345.678": "[phone]; [phone]",
    "00351 912 345 678 or 0044-20-7946-0958": "[phone] or [phone]",
    "\u202a+55 11 98765\u20114321\u202c": "\u202a[phone]\u202c",
    "+49\u00a0171\u00a02345678": "[phone]",
    # Without
    "06 12 34 56 78 06.12.34.56.78 06-12-34-56-78": "[phone] [phone] [phone]",
    "0612345678": "[phone]",
    "030/1234567, 0171 2345678, 020 7946 0958": "[phone], [phone], [phone]",
    "(11) 98765-4321 (555) 123-4567": "[phone] [phone]",
    "555-123-4567, 555.123.4567, 1-800-555-1234": "[phone], [phone], [phone]",
    "11 3456-7890, 11 98765-4321, 98765-4321": "[phone], [phone], [phone]",
    "912 345 678 e 612 34 56 78": "[phone] e [phone]",
    "138 1234 5678 / 98765 43210": "[phone] / [phone]",
    "0 532 123 45 67": "[phone]",
    "8 (912) 345-67-89": "8 [phone]",
    # Beside other numbers
    "912345678,934567890 912345678/934567890": "[phone],[phone] [phone]/[phone]",
    "10 912345678": "10 [phone]",
    "+351 912 345 678 10:30": "[phone] 10:30",
    "+351 912 345 678 2024-05-01": "[phone] 2024-05-01",
    # In mentions and links
    "hi @351912345678!": "hi @[phone]!",
    "tel:+351912345678 Tel.: 2345 6789": "tel:[phone] Tel.: [phone]",
    "https://wa.me/351912345678?x=1": "https://wa.me/[phone]?x=1",
    "https://api.whatsapp.com/send?phone=351912345678": "https://api.whatsapp.com/send?phone=[phone]",
    # In digits, and between letters, of other scripts
    "رقمي ٠٥٠ ١٢٣ ٤٥٦٧ شكرا": "رقمي [phone] شكرا",
    "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧ और +९१ ९८७६५ ४३२१०": "[phone] और [phone]",
    "٠٥٠١٢٣٤٥٦٧ ٠٥٠١٢٣٤٥٦٧ ९८७६५४३२१०": "[phone] [phone] [phone]",
    "電話は090-1234-5678です": "電話は[phone]です",
    "제 번호는 010-1234-5678이에요": "제 번호는 [phone]이에요",
    # Card numbers
    "card 4111 1111 1111 1111 ok": "card [card] ok",
    "4111-1111-1111-1111 4111111111111111": "[card] [card]",
    "3782 822463 10005, 378282246310005.": "[card], [card].",
    "4222222222222": "[card]",
    "٤١١١ ١١١١ ١١١١ ١١١١": "[card]",
    "a@b.co, +351912345678; 4111111111111111": "[email], [phone]; [card]",
}
KEPT = [
    # Dates, times, years
    *("2024-05-01 10:30", "2024-05-01T10:30:00+00:00", "01.05.2024 12 people", "20240501"),
    *("31/12/2025, 18:04", "10:30 11:45 12:00", "00:30 01:30 02:30", "GMT+0100"),
    *("2019-2024", "1914-1918 1939-1945", "2019 2020 2021", "٢٠٢٤-٠٥-٠١", "٢٠٢٤/٠٥/٠١ ١٠:٣٠"),
    # Amounts
    *("1.234.567,89 €", "R$ 1.234.567,89", "€ 912 345 678", "12 345 678,90", "912.345.678"),
    *("100 000 000", "1,234,567,890", "$5 100 20", "US$ 1,000,000.00", "2 000 000 people"),
    # Addresses of computers, versions, decimals, places
    *("192.168.100.200", "192.168.1.1:8080", "10.0.0.0/24", "v1.2.3.4", "react@18.2.0"),
    *("3.14159265358979", "38.7222524, -9.1393366"),
    # Links
    *("https://x.org/status/1234567890123456789", "https://x.org/4111111111111111"),
    *("x.org/p/912345678", "www.x.org/912345678", "medium.com/@ada/x"),
    # Numbers of other things
    *("order 1234567", "#912345678", "AB912345678", "912345678abc", "deadbeef0123456789ab"),
    *("550e8400-e29b-41d4-a716-446655440000", "978-3-16-148410-0"),
    *("IMG_20240501_123456789.jpg", "room 12 34 56", "1 2 3 4 5 6 7 8 9", "10-12 11-13 4-4"),
    # Of the length of a card's, with a wrong last digit
    *("4111 1111 1111 1112", "1234 5678 9012 3456", "4111111111111112", "1234567890123"),
    *("@ada hello", "a @ b", "5 @ 3", "", "\x01 \x02", "12345678901234567890123"),
]


def masked(*texts: str) -> list[str]:
    with scratch_database() as scratch:
        found = masked_texts(scratch, texts)
    return [found[text] for text in texts]


def test_addresses_and_numbers_are_masked() -> None:
    assert masked(*MASKED) == list(MASKED.values())


def test_what_only_looks_like_a_number_is_kept() -> None:
    assert masked(*KEPT) == [text.translate({1: None, 2: None}) for text in KEPT]


def luhn(digits: str) -> bool:
    """The definition (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(d // 10 + d % 10 for d in doubled) % 10 == 0


@given(st.lists(st.from_regex(r"[1-9][0-9]{12,18}", fullmatch=True), min_size=1, max_size=40))
@settings(deadline=None, max_examples=15)
def test_exactly_the_numbers_that_pass_luhns_check_are_cards(numbers: list[str]) -> None:
    assert masked(*numbers) == ["[card]" if luhn(number) else number for number in numbers]


def chat(folder: Path, name: str = "WhatsApp Chat with Trip.txt") -> Path:
    path = folder / name
    path.write_text(
        f"31/12/2025, 18:04 - {ADA} added {BO}\n"
        f"31/12/2025, 18:04 - {ADA} removed Adam, {BO} and {PHONE}\n"
        f"31/12/2025, 18:05 - {ADA}: hello @{BO} and @{ADA.lower()}, mail me: ada@x.org\n"
        f"31/12/2025, 18:05 - {BO}: Bo says @\u2068{ADA}\u2069 @\u2068Zed Zedson\u2069 @everyone\n"
        f"31/12/2025, 18:06 - {PHONE}: it is 4111 1111 1111 1111 @351912345678\n"
        f"31/12/2025, 18:07 - 田中: https://wa.me/351912345678\n"
        f"31/12/2025, 18:07 - 田中が{BO}を追加しました\n"
        f"31/12/2025, 18:08 - {BO}: {ADA}.vcf (file attached)\n"
        f"31/12/2025, 18:09 - {BO}: IMG-20251231-WA0001.jpg (file attached)\n",
        "utf-8",
    )
    return path


def rows(path: Path, key: str | None = KEY, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_export(path, key=key, **options).read_all().to_pylist()
    return found


def of(name: str, key: str = KEY) -> str:
    return Privacy(pseudonymize=True, key=key).pseudonym(name)


def test_authors_become_pseudonyms_also_in_notices_and_mentions(tmp_path: Path) -> None:
    found = rows(chat(tmp_path), pseudonymize=True)
    ada, bo, phone = of(ADA), of(BO), of(PHONE)
    assert [row["author"] for row in found] == [
        *(None, None, ada, bo, phone, of("田中"), None, bo, bo)
    ]
    assert [row["content"] for row in found] == [
        f"{ada} added {bo}",
        f"{ada} removed Adam, {bo} and {phone}",
        f"hello @{bo} and @{ada}, mail me: ada@x.org",
        f"Bo says @\u2068{ada}\u2069 @\u2068{of('Zed Zedson')}\u2069 @everyone",
        f"it is 4111 1111 1111 1111 @{phone}",
        "https://wa.me/351912345678",
        f"{of('田中')}が{bo}を追加しました",
        "",
        "",
    ]
    mentions = [row["metadata"]["mentions"] for row in found[2:5]]
    assert mentions == [[bo, ada], [ada, of("Zed Zedson"), "everyone"], [phone]]
    assert [row["media_path"] for row in found[-2:]] == ["contact.vcf", "IMG-20251231-WA0001.jpg"]


def test_masks_reach_authors_notices_mentions_and_links(tmp_path: Path) -> None:
    found = rows(chat(tmp_path), mask_pii=True)
    token = found[4]["author"]
    assert token.startswith("[phone ")
    assert [row["author"] for row in found[2:6]] == [ADA, BO, token, "田中"]
    assert [row["content"] for row in found[:6]] == [
        f"{ADA} added {BO}",
        f"{ADA} removed Adam, {BO} and {token}",
        f"hello @{BO} and @{ADA.lower()}, mail me: [email]",
        f"Bo says @\u2068{ADA}\u2069 @\u2068Zed Zedson\u2069 @everyone",
        f"it is [card] @{token}",
        "https://wa.me/[phone]",
    ]
    assert found[5]["metadata"]["urls"] == ["https://wa.me/[phone]"]


def test_two_people_without_names_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Trip.txt"
    lines = [f"31/12/2025, 18:0{n} - +351 912 345 67{n % 2}: hi\n" for n in range(4)]
    path.write_text("".join(lines), "utf-8")
    authors = [row["author"] for row in rows(path, mask_pii=True)]
    assert authors[:2] == authors[2:]
    assert len(set(authors)) == 2
    assert not any("912" in author for author in authors)


def test_with_both_nothing_of_either_is_left(tmp_path: Path) -> None:
    told = json.dumps(rows(chat(tmp_path), **BOTH), ensure_ascii=False, default=str)
    for secret in (ADA, ADA.lower(), "Zed Zedson", "田中", "ada@x.org", "912", "4111"):
        assert secret not in told
    # Names in ordinary text stay; so does the name of nobody who wrote.
    assert "Bo says" in told
    assert "Adam" in told


def test_a_pseudonym_is_the_same_in_every_chat_of_a_key_and_another_under_another() -> None:
    assert of("Zoë") == of("Zoe\u0308")
    assert of("Zoë") != of("Zoe")
    assert of("Zoë") != of("Zoë", "another key")
    assert of("Zoë").startswith("person-")
    assert len(of("Zoë")) == len("person-") + 12


def test_ids_come_from_what_the_file_says_and_the_key(tmp_path: Path) -> None:
    path = chat(tmp_path)
    plain = [row["message_id"] for row in rows(path, None)]
    found = [
        [row["message_id"] for row in rows(path, **on)]
        for on in (BOTH, BOTH, *({name: True} for name in BOTH))
    ]
    assert found.count(found[0]) == 4
    other = [row["message_id"] for row in rows(path, "another key", **BOTH)]
    assert not {*plain} & {*found[0]}
    assert not {*other} & {*found[0]}
    assert {UUID(id_).version for id_ in plain} == {5}
    assert {UUID(id_).version for id_ in found[0]} == {8}


def slack_like(folder: Path) -> Path:
    """A table with ids, replies, mentions and other columns of its own."""
    path = folder / "Trip.csv"
    path.write_text(
        "message_id,timestamp,author,content,reply_to\n"
        "a,2025-12-31T18:04:00Z,Ada,hello,\nb,2025-12-31T18:05:00Z,Bo,hi @Ada,a\n",
        "utf-8",
    )
    return path


def exported(folder: Path) -> Path:
    """The rows of an earlier import, as a table."""
    path = folder / "Trip.parquet"
    source = read_export(slack_like(folder), thread="trip").read_all()
    with duckdb.connect() as connection:
        connection.register("rows", source)
        connection.execute(f"COPY (SELECT * FROM rows) TO '{path}'")
    return path


@pytest.mark.parametrize("make", [slack_like, exported])
def test_replies_lead_to_their_messages_under_keyed_ids(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    given = {row["message_id"] for row in rows(path, None)}
    first, second = rows(path, **BOTH)
    assert second["reply_to"] == first["message_id"]
    assert first["message_id"] not in given
    assert second["content"] == f"hi @{of('Ada')}"
    assert json.loads(second["metadata"]["extra"]) == {}


def test_names_are_found_whole_and_the_longest_first(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Trip.txt"
    names = ["João", "Maria João Silva", "Maria", "[x] (y).*", "鈴木", "鈴木一郎", "~ Kim"]
    notice = "Maria João Silva, João,Maria added [x] (y).* and Mariana; 鈴木一郎鈴木が João-x Kim"
    path.write_text(
        f"31/12/2025, 18:04 - {notice}\n"
        + "".join(f"31/12/2025, 18:05 - {name}: hi\n" for name in names),
        "utf-8",
    )
    joao, silva, maria, sign, suzuki, ichiro, kim = map(of, names)
    assert rows(path, pseudonymize=True)[0]["content"] == (
        f"{silva}, {joao},{maria} added {sign} and Mariana; {ichiro}{suzuki}が João-x {kim}"
    )


def test_thousands_of_names_are_replaced_in_time(tmp_path: Path) -> None:
    names = [f"Person {n} of {n * 7919 % 5000}" for n in range(3_000)]
    table = pa.table(
        {
            "timestamp": ["2025-12-31T18:04:00Z"] * 6_000,
            "author": [*names, *[None] * 3_000],
            "content": ["hi"] * 3_000 + [f"{one} joined, {one}2 left" for one in names],
        }
    )
    path = tmp_path / "many.parquet"
    with duckdb.connect() as connection:
        connection.register("rows", table)
        connection.execute(f"COPY (SELECT * FROM rows) TO '{path}'")
    found = [row["content"] for row in rows(path, pseudonymize=True)[3_000:]]
    assert found == [f"{of(one)} joined, {one}2 left" for one in names]


@pytest.mark.parametrize("on", [{"pseudonymize": True}, {"mask_pii": True}])
def test_without_a_key_nothing_is_read(tmp_path: Path, on: dict[str, Any]) -> None:
    with pytest.raises(EgregoraError, match=r"made with a key.*secrets\.token_hex"):
        read_export(chat(tmp_path), **on)
    with pytest.raises(EgregoraError, match="made with a key"):
        Privacy(**on)
    assert KEY not in repr(Privacy(**on, key=KEY))


def test_a_key_alone_changes_nothing(tmp_path: Path) -> None:
    path = chat(tmp_path)
    assert rows(path, KEY) == rows(path, None)
