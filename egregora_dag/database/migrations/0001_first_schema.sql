-- The first schema: every table of the warehouse.

CREATE TABLE "threads" (
  "thread_id" TEXT NOT NULL,
  "title" TEXT NOT NULL,
  "source" TEXT NOT NULL,
  "timezone" TEXT NOT NULL,
  "settings" JSON NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE "messages" (
  "message_id" UUID NOT NULL,
  "thread_id" TEXT NOT NULL,
  "source" TEXT NOT NULL,
  "position" BIGINT NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  "author" TEXT,
  "content" TEXT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('message', 'system', 'media', 'deleted', 'call', 'poll', 'location', 'contact')),
  "media_path" TEXT,
  "media_type" TEXT CHECK ("media_type" IN ('image', 'video', 'audio', 'document', 'sticker')),
  "reply_to" UUID,
  "metadata" STRUCT("file" TEXT, "line" BIGINT, "local_time" TEXT, "edited" BOOLEAN, "forwarded" BOOLEAN, "mentions" TEXT[], "urls" TEXT[], "reactions" MAP(TEXT, BIGINT), "extra" JSON) NOT NULL,
  CHECK (("author" IS NULL) = ("kind" = 'system'))
);

CREATE TABLE "imports" (
  "import_id" UUID NOT NULL,
  "thread_id" TEXT NOT NULL,
  "file" TEXT NOT NULL,
  "sha256" TEXT NOT NULL,
  "lines" BIGINT NOT NULL,
  "messages" BIGINT NOT NULL,
  "system" BIGINT NOT NULL,
  "continuation" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "rejected_lines" BIGINT[] NOT NULL,
  "message_ids" UUID[] NOT NULL
);

CREATE TABLE "windows" (
  "window_id" UUID NOT NULL,
  "thread_id" TEXT NOT NULL,
  "window_index" BIGINT NOT NULL,
  "start_time" TIMESTAMPTZ NOT NULL,
  "end_time" TIMESTAMPTZ NOT NULL,
  "first_position" BIGINT NOT NULL,
  "last_position" BIGINT NOT NULL,
  "message_count" BIGINT NOT NULL,
  "author_count" BIGINT NOT NULL,
  "size_bytes" BIGINT NOT NULL,
  "signature" TEXT NOT NULL,
  "config" STRUCT("step_size" BIGINT, "step_unit" TEXT, "overlap_ratio" DOUBLE, "align" TEXT, "max_window_time" DOUBLE, "max_bytes_per_window" BIGINT, "session_gap" DOUBLE) NOT NULL
);

CREATE TABLE "generations" (
  "signature" TEXT NOT NULL,
  "item" BIGINT NOT NULL,
  "thread_id" TEXT NOT NULL,
  "window_id" UUID,
  "subject" TEXT,
  "doc_type" TEXT NOT NULL CHECK ("doc_type" IN ('post', 'profile', 'enrichment', 'media', 'journal', 'annotation')),
  "writer" TEXT NOT NULL,
  "model" TEXT,
  "output" JSON NOT NULL,
  "usage" STRUCT("input_tokens" BIGINT, "output_tokens" BIGINT, "requests" BIGINT, "cost_usd" DOUBLE, "seconds" DOUBLE) NOT NULL,
  "error" TEXT,
  "run_id" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE "documents" (
  "document_id" UUID NOT NULL,
  "doc_type" TEXT NOT NULL CHECK ("doc_type" IN ('post', 'profile', 'enrichment', 'media', 'journal', 'annotation')),
  "thread_id" TEXT NOT NULL,
  "window_id" UUID,
  "subject" TEXT,
  "slug" TEXT NOT NULL,
  "title" TEXT NOT NULL,
  "summary" TEXT NOT NULL,
  "content" TEXT NOT NULL,
  "authors" TEXT[] NOT NULL,
  "tags" TEXT[] NOT NULL,
  "date" DATE NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('draft', 'published', 'superseded', 'archived')),
  "writer" TEXT NOT NULL,
  "model" TEXT,
  "signature" TEXT NOT NULL
);

CREATE TABLE "comparisons" (
  "comparison_id" UUID NOT NULL,
  "post_a" TEXT NOT NULL,
  "post_b" TEXT NOT NULL,
  "winner" TEXT NOT NULL CHECK ("winner" IN ('a', 'b', 'tie')),
  "rating_a_before" DOUBLE NOT NULL,
  "rating_b_before" DOUBLE NOT NULL,
  "rating_a_after" DOUBLE NOT NULL,
  "rating_b_after" DOUBLE NOT NULL,
  "k_factor" DOUBLE NOT NULL,
  "judge" TEXT NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  "sequence" BIGINT NOT NULL,
  "feedback" JSON
);

CREATE TABLE "elo_ratings" (
  "post_id" TEXT NOT NULL,
  "initial_rating" DOUBLE NOT NULL,
  "rating" DOUBLE NOT NULL,
  "comparisons" BIGINT NOT NULL,
  "wins" BIGINT NOT NULL,
  "losses" BIGINT NOT NULL,
  "ties" BIGINT NOT NULL,
  "last_updated" TIMESTAMPTZ NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE "runs" (
  "run_id" UUID NOT NULL,
  "job_name" TEXT NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('running', 'completed', 'failed', 'cancelled', 'queued')),
  "dagster_status" TEXT NOT NULL,
  "config" JSON NOT NULL,
  "tags" JSON NOT NULL,
  "partition" TEXT,
  "assets" TEXT[] NOT NULL,
  "parent_run_id" UUID,
  "created_at" TIMESTAMPTZ NOT NULL,
  "started_at" TIMESTAMPTZ,
  "ended_at" TIMESTAMPTZ,
  "duration_seconds" DOUBLE,
  "error" TEXT
);

CREATE TABLE "tasks" (
  "task_id" UUID NOT NULL,
  "run_id" UUID NOT NULL,
  "queue_id" UUID,
  "step_key" TEXT NOT NULL,
  "task_type" TEXT NOT NULL,
  "asset" TEXT,
  "partition" TEXT,
  "status" TEXT NOT NULL CHECK ("status" IN ('pending', 'processing', 'completed', 'failed', 'superseded', 'skipped')),
  "attempt" BIGINT NOT NULL,
  "started_at" TIMESTAMPTZ,
  "ended_at" TIMESTAMPTZ,
  "duration_seconds" DOUBLE,
  "payload" JSON,
  "result" JSON,
  "error" TEXT
);

CREATE TABLE "task_queue" (
  "task_id" UUID NOT NULL,
  "task_type" TEXT NOT NULL CHECK ("task_type" IN ('enrich_url', 'enrich_media', 'update_profile', 'write_window')),
  "subject" TEXT NOT NULL,
  "payload" JSON NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('pending', 'processing', 'completed', 'failed', 'superseded', 'skipped')),
  "attempt" BIGINT NOT NULL,
  "run_id" UUID,
  "error" TEXT,
  "created_at" TIMESTAMPTZ NOT NULL,
  "processed_at" TIMESTAMPTZ
);

CREATE TABLE "annotations" (
  "annotation_id" UUID NOT NULL,
  "parent_id" TEXT NOT NULL,
  "parent_type" TEXT NOT NULL CHECK ("parent_type" IN ('message', 'document', 'annotation')),
  "author" TEXT NOT NULL,
  "content" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE "schema_migrations" (
  "version" BIGINT NOT NULL,
  "name" TEXT NOT NULL,
  "checksum" TEXT NOT NULL,
  "applied_at" TIMESTAMPTZ NOT NULL
);
