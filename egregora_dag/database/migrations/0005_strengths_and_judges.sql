CREATE TABLE "bradley_terry" (
  "post_id" TEXT NOT NULL,
  "strength" DOUBLE NOT NULL,
  "lower" DOUBLE NOT NULL,
  "upper" DOUBLE NOT NULL,
  "comparisons" BIGINT NOT NULL,
  CHECK ("lower" <= "strength" AND "strength" <= "upper")
);
CREATE TABLE "judge_weights" (
  "judge" TEXT NOT NULL,
  "k_factor" DOUBLE NOT NULL,
  "weight" DOUBLE NOT NULL,
  CHECK ("weight" >= 0 AND "k_factor" >= 0)
);
