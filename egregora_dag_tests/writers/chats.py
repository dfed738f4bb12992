"""Short chats for the tests of writers."""

import datetime as dt

from egregora_dag.writers import Message, Window

START = dt.datetime(2025, 2, 4, 16, 52)


def message(
    number: int,
    author: str | None,
    content: str,
    *,
    kind: str = "message",
    media_path: str | None = None,
    reply_to: str | None = None,
    urls: tuple[str, ...] = (),
) -> Message:
    time = START + dt.timedelta(minutes=number)
    media_type = "image" if media_path else None
    return Message(
        str(number), time, author, content, kind, media_path, media_type, reply_to, (), urls
    )


def chat(*turns: tuple[str | None, str]) -> Window:
    messages = [
        message(number, author, content, kind="message" if author else "system")
        for number, (author, content) in enumerate(turns)
    ]
    return window(messages)


def window(messages: list[Message]) -> Window:
    return Window("w", "fig-lane", "Fig Lane Allotments", 0, messages)


ROOF = chat(
    (None, "Messages and calls are end-to-end encrypted."),
    ("João", "The greenhouse roof is leaking. Two panes on the north side are cracked"),
    ("Mara", "Oh no. How old is the greenhouse roof, does anybody know?"),
    ("Priya Nair", "The greenhouse was put up in 1978, with glass from the old nursery."),
    ("Dougie", "polycarbonate is cheaper than glass"),
    ("Layla 🌻", "polycarbonate doesn't fall on your head!!"),
    ("João", "I can get a price: https://example.org/glass?q=1."),
    ("Mara", "So: tarp over the roof on Sunday, and João gets a price for polycarbonate. Agreed?"),
    ("João", "Agreed"),
    ("Dougie", "aye"),
    ("Ted Hollis", "Fine."),
    ("Mara", "haha thanks"),
)
