"""The tables of the warehouse, one contract each; see `contracts.Contract` for what that holds."""

from collections.abc import Mapping
from typing import Final

import ibis

from egregora_dag.database.contracts import Column, Contract, Reference, Rule
from egregora_dag.database.ddl import (
    add_check_constraint,
    add_primary_key,
    create_index,
    create_table_if_not_exists,
    ensure_identity_column,
    ibis_to_duckdb_type,
)
from egregora_dag.database.utils import quote_identifier

__all__ = [
    "ANNOTATIONS_SCHEMA",
    "COMPARISONS_SCHEMA",
    "CONTRACTS",
    "DOCUMENTS_SCHEMA",
    "ELO_RATINGS_SCHEMA",
    "MESSAGES_SCHEMA",
    "RUNS_SCHEMA",
    "TASKS_SCHEMA",
    "WINDOWS_SCHEMA",
    "add_check_constraint",
    "add_primary_key",
    "create_index",
    "create_table_if_not_exists",
    "ensure_identity_column",
    "ibis_to_duckdb_type",
    "quote_identifier",
]

TIME: Final = "timestamp('UTC', 6)"

STEP_UNITS: Final = ("messages", "hours", "days", "bytes", "session")
ALIGNMENTS: Final = ("calendar", "first")
KINDS: Final = (
    "message",
    "system",
    "media",
    "deleted",
    "call",
    "poll",
    "location",
    "contact",
)
MEDIA_TYPES: Final = ("image", "video", "audio", "document", "sticker")
DOC_TYPES: Final = ("post", "profile", "enrichment", "media", "journal", "annotation")
DOC_STATUSES: Final = ("draft", "published", "superseded", "archived")
WINNERS: Final = ("a", "b", "tie")
RUN_STATUSES: Final = ("running", "completed", "failed", "cancelled", "queued")
TASK_STATUSES: Final = ("pending", "processing", "completed", "failed", "superseded", "skipped")
TASK_TYPES: Final = ("enrich_url", "enrich_media", "update_profile", "write_window")
PARENT_TYPES: Final = ("message", "document", "annotation")

MESSAGE_METADATA: Final = (
    "struct<file: string, line: int64, local_time: string, edited: boolean, forwarded: boolean, "
    "mentions: array<string>, urls: array<string>, reactions: map<string, int64>, extra: json>"
)
WINDOW_CONFIG: Final = (
    "struct<step_size: int64, step_unit: string, overlap_ratio: float64, align: string, "
    "max_window_time: float64, max_bytes_per_window: int64, session_gap: float64>"
)
USAGE: Final = (
    "struct<input_tokens: int64, output_tokens: int64, requests: int64, cost_usd: float64, "
    "seconds: float64>"
)

THREADS = Contract(
    name="threads",
    description="A chat: its title, where it comes from, and the time zone of its clock.",
    columns={
        "thread_id": Column("!string", "Key of the chat, a short slug; the partition key."),
        "title": Column("!string", "The chat's name as its members know it."),
        "source": Column("!string", "The application the chat was exported from."),
        "timezone": Column("!string", "IANA name of the time zone of times without an offset."),
        "settings": Column("!json", "Settings of this chat alone, such as how it is windowed."),
        "created_at": Column(f"!{TIME}", "When the chat was first imported."),
    },
    key=("thread_id",),
    mode="merge",
    keep=("created_at",),
)

MESSAGES = Contract(
    name="messages",
    description="A message, or a line the application wrote into the chat.",
    columns={
        "message_id": Column("!uuid", "The same for the same message in every export of a chat."),
        "thread_id": Column("!string", "The chat."),
        "source": Column("!string", "The application the chat was exported from."),
        "position": Column("!int64", "Place in the chat, counted from 0 without gaps."),
        "timestamp": Column(f"!{TIME}", "When it was sent."),
        "author": Column("string", "Who wrote it; null exactly for system lines."),
        "content": Column("!string", "Its text; empty where there is none."),
        "kind": Column("!string", "What it is.", KINDS),
        "media_path": Column("string", "File that came with it, as the export names it."),
        "media_type": Column("string", "What the file is.", MEDIA_TYPES),
        "reply_to": Column("uuid", "The message it answers, where the export says so."),
        "metadata": Column(f"!{MESSAGE_METADATA}", "Where it stood and what else is known of it."),
    },
    key=("message_id",),
    mode="merge",
    partition="thread_id",
    unique=(("thread_id", "position"),),
    references=(Reference(("thread_id",), "threads", ("thread_id",)),),
    rules=(
        Rule(
            "author is null exactly for system lines",
            lambda t: t.author.isnull() == (t.kind == "system"),
        ),
    ),
    sequence="position",
)

IMPORTS = Contract(
    name="imports",
    description="A file that was read into a chat, and which messages it holds.",
    columns={
        "import_id": Column("!uuid", "Made from the chat and the file's content."),
        "thread_id": Column("!string", "The chat."),
        "file": Column("!string", "The file's name in the inbox."),
        "sha256": Column("!string", "Digest of the file's content."),
        "lines": Column("!int64", "Lines, or records, of the file."),
        "messages": Column("!int64", "Messages read from it, system lines not counted."),
        "system": Column("!int64", "System lines read from it."),
        "continuation": Column("!int64", "Lines that go on a message begun above."),
        "rejected": Column("!int64", "Lines that could not be read."),
        "rejected_lines": Column("!array<int64>", "Numbers of the first hundred of those, from 1."),
        "message_ids": Column("!array<uuid>", "Every message that the file holds."),
    },
    key=("import_id",),
    mode="merge",
    partition="thread_id",
    references=(Reference(("thread_id",), "threads", ("thread_id",)),),
)

PSEUDONYMS = Contract(
    name="pseudonyms",
    description="Who stands behind a pseudonym; it may be emptied, and nothing else is lost.",
    columns={
        "pseudonym": Column("!string", "What stands for the author in all other tables."),
        "author": Column("!string", "The author's name as the chat has it."),
        "created_at": Column(f"!{TIME}", "When it was first kept."),
    },
    key=("pseudonym",),
    mode="merge",
    keep=("created_at",),
)

REPLY_LINKS = Contract(
    name="reply_links",
    description="Which message a message answers, as the export says or as it can be inferred.",
    columns={
        "message_id": Column("!uuid", "The message."),
        "thread_id": Column("!string", "The chat."),
        "antecedent_id": Column(
            "!uuid", "The message it answers; itself where it starts a conversation."
        ),
        "conversation_id": Column("!uuid", "The message that its conversation starts with."),
        "score": Column("!float64", "Probability of the link; 1 where the export states it."),
        "stated": Column("!boolean", "The export says so; otherwise it is inferred."),
    },
    key=("message_id",),
    mode="replace",
    partition="thread_id",
    references=(
        Reference(("message_id",), "messages", ("message_id",)),
        Reference(("antecedent_id",), "messages", ("message_id",)),
    ),
)

WINDOWS = Contract(
    name="windows",
    description="A stretch of a chat that is read, and written about, as one.",
    columns={
        "window_id": Column("!uuid", "Made from the chat and the signature."),
        "thread_id": Column("!string", "The chat."),
        "window_index": Column("!int64", "Place among the chat's windows, from 0."),
        "start_time": Column(
            f"!{TIME}", "Where it begins: a boundary in time, or its first message."
        ),
        "end_time": Column(f"!{TIME}", "Where it ends: a boundary in time, or its last message."),
        "first_position": Column("!int64", "Position of its first message."),
        "last_position": Column("!int64", "Position of its last message."),
        "message_count": Column("!int64", "Messages in it."),
        "author_count": Column("!int64", "People who wrote in it."),
        "size_bytes": Column("!int64", "Bytes of its text, UTF-8."),
        "signature": Column("!string", "Hash of its messages' ids in order."),
        "config": Column(f"!{WINDOW_CONFIG}", "The settings that made it."),
    },
    key=("window_id",),
    mode="replace",
    partition="thread_id",
    unique=(("thread_id", "window_index"),),
    references=(
        Reference(("thread_id", "first_position"), "messages", ("thread_id", "position")),
        Reference(("thread_id", "last_position"), "messages", ("thread_id", "position")),
    ),
    sequence="window_index",
)

GENERATIONS = Contract(
    name="generations",
    description="One result of a writer, kept for good so that it is never paid for twice.",
    columns={
        "signature": Column(
            "!string", "Hash of what was written about, the writer and its settings."
        ),
        "item": Column("!int64", "Number of the result under this signature, from 0."),
        "thread_id": Column("!string", "The chat."),
        "window_id": Column("uuid", "The window written about, if it was one."),
        "subject": Column("string", "Who or what was written about, if not a window."),
        "doc_type": Column("!string", "What kind of document it is.", DOC_TYPES),
        "writer": Column("!string", "Name of the writer."),
        "model": Column("string", "The model it used, if any."),
        "output": Column("!json", "The document as the writer gave it."),
        "usage": Column(f"!{USAGE}", "What it cost."),
        "error": Column("string", "Type and place of the failure, if it failed."),
        "run_id": Column("string", "The Dagster run that wrote it."),
        "created_at": Column(f"!{TIME}", "When it was written."),
    },
    key=("signature", "item"),
    mode="append",
)

DOCUMENTS = Contract(
    name="documents",
    description="A text about a chat: a post, a person's profile, a journal entry.",
    columns={
        "document_id": Column("!uuid", "Made from the type, the chat and what it is about."),
        "doc_type": Column("!string", "What kind of document it is.", DOC_TYPES),
        "thread_id": Column("!string", "The chat."),
        "window_id": Column("uuid", "The window it is about, if it is about one."),
        "subject": Column("string", "Author of a profile, link or file of an enrichment."),
        "slug": Column("!string", "Name in addresses and files; unique among the published."),
        "title": Column("!string", "Its title."),
        "summary": Column("!string", "Its first sentences."),
        "content": Column("!string", "Its text, Markdown."),
        "authors": Column("!array<string>", "The people who took part."),
        "tags": Column("!array<string>", "What it is about, in single words."),
        "date": Column("!date", "The day it is about, in the chat's time zone."),
        "status": Column("!string", "Whether it stands.", DOC_STATUSES),
        "writer": Column("!string", "Who wrote it; `user` for a person's own."),
        "model": Column("string", "The model it was written with, if any."),
        "signature": Column("!string", "The generation it comes from."),
    },
    key=("document_id",),
    mode="merge",
    partition="thread_id",
    references=(
        Reference(("window_id",), "windows", ("window_id",), where={"status": "published"}),
    ),
)

THUMBNAILS = Contract(
    name="thumbnails",
    description="A small picture of a file that came with a message.",
    columns={
        "thread_id": Column("!string", "The chat."),
        "media_path": Column("!string", "The file, as `messages` names it."),
        "sha256": Column("!string", "Digest of the file that it was made from."),
        "width": Column("!int64", "Pixels."),
        "height": Column("!int64", "Pixels."),
        "mime": Column("!string", "Its media type."),
        "data": Column("!binary", "The picture, without any metadata."),
    },
    key=("thread_id", "media_path"),
    mode="merge",
    references=(Reference(("thread_id",), "threads", ("thread_id",)),),
)

COMPARISONS = Contract(
    name="comparisons",
    description="A judge's verdict on two posts, with the ratings before and after it.",
    columns={
        "comparison_id": Column("!uuid", "Its id."),
        "post_a": Column("!string", "One post."),
        "post_b": Column("!string", "The other."),
        "winner": Column("!string", "Which is better.", WINNERS),
        "rating_a_before": Column("!float64", "Elo of `post_a` before."),
        "rating_b_before": Column("!float64", "Elo of `post_b` before."),
        "rating_a_after": Column("!float64", "Elo of `post_a` after."),
        "rating_b_after": Column("!float64", "Elo of `post_b` after."),
        "k_factor": Column("!float64", "How much a comparison moves a rating."),
        "judge": Column("!string", "Who judged."),
        "timestamp": Column(f"!{TIME}", "When."),
        "sequence": Column("!int64", "Total order of all comparisons, from 0."),
        "feedback": Column("json", "What the judge said."),
    },
    key=("comparison_id",),
    mode="append",
    unique=(("sequence",),),
    rules=(Rule("a post is not compared with itself", lambda t: t.post_a != t.post_b),),
)

ELO_RATINGS = Contract(
    name="elo_ratings",
    description="How good a post is, by the Elo system; a replay of `comparisons` gives the same.",
    columns={
        "post_id": Column("!string", "The post's `document_id`, or any id a person rated."),
        "initial_rating": Column("!float64", "The rating it started from."),
        "rating": Column("!float64", "Its rating now."),
        "comparisons": Column("!int64", "Times it was compared."),
        "wins": Column("!int64", "Times it was the better one."),
        "losses": Column("!int64", "Times it was not."),
        "ties": Column("!int64", "Times neither was."),
        "last_updated": Column(f"!{TIME}", "When it was last compared."),
        "created_at": Column(f"!{TIME}", "When it was first rated."),
    },
    key=("post_id",),
    mode="merge",
    references=(Reference(("post_id",), "documents", ("document_id",), enforced=False),),
    keep=("created_at",),
)

BRADLEY_TERRY = Contract(
    name="bradley_terry",
    description="How good a post is, by all verdicts at once, and how sure that is.",
    columns={
        "post_id": Column("!string", "The post's `document_id`, or any id a person rated."),
        "strength": Column("!float64", "Its strength on the scale of Elo; 1500 is the middle."),
        "lower": Column("!float64", "Lower end of the 95 % interval."),
        "upper": Column("!float64", "Upper end of the 95 % interval."),
        "comparisons": Column("!int64", "Comparisons that count, by the weights of their judges."),
    },
    key=("post_id",),
    mode="replace",
    references=(Reference(("post_id",), "documents", ("document_id",), enforced=False),),
    rules=(
        Rule(
            "the strength lies within its interval",
            lambda t: (t.lower <= t.strength) & (t.strength <= t.upper),
        ),
    ),
)

JUDGE_WEIGHTS = Contract(
    name="judge_weights",
    description="How much a judge's verdicts count, where `egregora-dag rerate` was told so.",
    columns={
        "judge": Column("!string", "The judge's name."),
        "k_factor": Column("!float64", "How much a comparison of its moves an Elo rating."),
        "weight": Column("!float64", "How many verdicts one of its counts as; 0 ignores it."),
    },
    key=("judge",),
    mode="merge",
    rules=(
        Rule(
            "weights are not negative",
            lambda t: (t.weight >= 0) & (t.k_factor >= 0),
        ),
    ),
)

RUNS = Contract(
    name="runs",
    description="A run of the pipeline, mirrored from Dagster's run storage.",
    columns={
        "run_id": Column("!uuid", "Dagster's run id."),
        "job_name": Column("!string", "The job."),
        "status": Column("!string", "How it stands.", RUN_STATUSES),
        "dagster_status": Column("!string", "Dagster's own word for it."),
        "config": Column("!json", "The run's config."),
        "tags": Column("!json", "The run's tags."),
        "partition": Column("string", "Its partition, or range of partitions."),
        "assets": Column("!array<string>", "The assets it was to materialize."),
        "parent_run_id": Column("uuid", "The run it was started again from."),
        "created_at": Column(f"!{TIME}", "When it was created."),
        "started_at": Column(TIME, "When it started."),
        "ended_at": Column(TIME, "When it ended."),
        "duration_seconds": Column("float64", "Seconds between the two."),
        "error": Column("string", "Type and place of its error."),
    },
    key=("run_id",),
    mode="merge",
)

TASKS = Contract(
    name="tasks",
    description="A step of a run, mirrored from Dagster's event log.",
    columns={
        "task_id": Column("!uuid", "Made from run, step and attempt."),
        "run_id": Column("!uuid", "The run."),
        "queue_id": Column("uuid", "The row of `task_queue` it works off."),
        "step_key": Column("!string", "Dagster's step key."),
        "task_type": Column("!string", "What it does."),
        "asset": Column("string", "The asset it materializes."),
        "partition": Column("string", "The partition."),
        "status": Column("!string", "How it stands.", TASK_STATUSES),
        "attempt": Column("!int64", "Which try it is, from 1."),
        "started_at": Column(TIME, "When it started."),
        "ended_at": Column(TIME, "When it ended."),
        "duration_seconds": Column("float64", "Seconds between the two."),
        "payload": Column("json", "What it was asked to do."),
        "result": Column("json", "Rows and tables it wrote."),
        "error": Column("string", "Type and place of its error."),
    },
    key=("task_id",),
    mode="merge",
    references=(Reference(("run_id",), "runs", ("run_id",)),),
)

TASK_QUEUE = Contract(
    name="task_queue",
    description="Work asked for, done by a run of its own.",
    columns={
        "task_id": Column("!uuid", "Its id."),
        "task_type": Column("!string", "What to do.", TASK_TYPES),
        "subject": Column("!string", "What to do it to."),
        "payload": Column("!json", "Details."),
        "status": Column("!string", "How it stands.", TASK_STATUSES),
        "attempt": Column("!int64", "Tries so far."),
        "run_id": Column("uuid", "The run that works on it."),
        "error": Column("string", "Type and place of its error."),
        "created_at": Column(f"!{TIME}", "When it was asked for."),
        "processed_at": Column(TIME, "When it was done."),
    },
    key=("task_id",),
    mode="merge",
)

ANNOTATIONS = Contract(
    name="annotations",
    description="A person's remark on a message, a document or another remark.",
    columns={
        "annotation_id": Column("!uuid", "Its id."),
        "parent_id": Column("!string", "What it is on."),
        "parent_type": Column("!string", "What that is.", PARENT_TYPES),
        "author": Column("!string", "Who wrote it."),
        "content": Column("!string", "Its text."),
        "created_at": Column(f"!{TIME}", "When it was written."),
    },
    key=("annotation_id",),
    mode="append",
)

SCHEMA_MIGRATIONS = Contract(
    name="schema_migrations",
    description="A migration that was applied to this database.",
    columns={
        "version": Column("!int64", "Its number, from 1."),
        "name": Column("!string", "Its name."),
        "checksum": Column("!string", "SHA-256 of its SQL."),
        "applied_at": Column(f"!{TIME}", "When it was applied."),
    },
    key=("version",),
    mode="append",
)

CONTRACTS: Final[Mapping[str, Contract]] = {
    contract.name: contract
    for contract in (
        THREADS,
        MESSAGES,
        IMPORTS,
        PSEUDONYMS,
        REPLY_LINKS,
        WINDOWS,
        GENERATIONS,
        DOCUMENTS,
        THUMBNAILS,
        COMPARISONS,
        ELO_RATINGS,
        BRADLEY_TERRY,
        JUDGE_WEIGHTS,
        RUNS,
        TASKS,
        TASK_QUEUE,
        ANNOTATIONS,
        SCHEMA_MIGRATIONS,
    )
}

MESSAGES_SCHEMA: Final[ibis.Schema] = MESSAGES.schema
WINDOWS_SCHEMA: Final[ibis.Schema] = WINDOWS.schema
DOCUMENTS_SCHEMA: Final[ibis.Schema] = DOCUMENTS.schema
ELO_RATINGS_SCHEMA: Final[ibis.Schema] = ELO_RATINGS.schema
COMPARISONS_SCHEMA: Final[ibis.Schema] = COMPARISONS.schema
RUNS_SCHEMA: Final[ibis.Schema] = RUNS.schema
TASKS_SCHEMA: Final[ibis.Schema] = TASKS.schema
ANNOTATIONS_SCHEMA: Final[ibis.Schema] = ANNOTATIONS.schema
