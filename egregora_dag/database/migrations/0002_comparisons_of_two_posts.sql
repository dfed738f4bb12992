-- A post is not compared with itself. DuckDB adds no CHECK to a table: create, copy, swap.
CREATE TABLE "comparisons_of_two" (
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
  "feedback" JSON,
  CHECK ("post_a" <> "post_b")
);

INSERT INTO "comparisons_of_two" BY NAME FROM "comparisons" ORDER BY "sequence";

DROP TABLE "comparisons";

ALTER TABLE "comparisons_of_two" RENAME TO "comparisons";
