CREATE TABLE "pseudonyms" (
  "pseudonym" TEXT NOT NULL,
  "author" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ NOT NULL
);
