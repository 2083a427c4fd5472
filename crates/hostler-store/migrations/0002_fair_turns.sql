-- Where an operation works, so that a provider that does not answer keeps
-- waiting those only that wait for it; NULL while that is not decided.
ALTER TABLE operations ADD COLUMN provider_id TEXT;

CREATE INDEX operations_by_turn ON operations (state, provider_id, id);

-- For how long complete inventories have shown that a thing is not there any
-- more: counted, not computed from two readings of a clock that may jump.
ALTER TABLE resources ADD COLUMN absent_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE resources ADD COLUMN absent_inventories INTEGER NOT NULL DEFAULT 0;
