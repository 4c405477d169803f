-- How far resumable streams were, for as long as their clients may come back.
CREATE TABLE stream (
    id      TEXT    PRIMARY KEY,
    account INTEGER NOT NULL,
    handled INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stream_by_account ON stream (account);

CREATE TRIGGER account_purges_streams AFTER DELETE ON account BEGIN
    DELETE FROM stream WHERE account = OLD.id;
END;
