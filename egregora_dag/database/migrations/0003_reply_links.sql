CREATE TABLE "reply_links" (
  "message_id" UUID NOT NULL,
  "thread_id" TEXT NOT NULL,
  "antecedent_id" UUID NOT NULL,
  "conversation_id" UUID NOT NULL,
  "score" DOUBLE NOT NULL,
  "stated" BOOLEAN NOT NULL
);
