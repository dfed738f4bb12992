CREATE TABLE "thumbnails" (
  "thread_id" TEXT NOT NULL,
  "media_path" TEXT NOT NULL,
  "sha256" TEXT NOT NULL,
  "width" BIGINT NOT NULL,
  "height" BIGINT NOT NULL,
  "mime" TEXT NOT NULL,
  "data" BLOB NOT NULL
);
