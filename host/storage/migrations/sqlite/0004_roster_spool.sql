-- Rosters and spools. Each account has a row in roster and in spool for as long as it lives: they hold the counters, so
-- that no write has to count what is there, and having none says that there is no such account.
--
-- A version begins where no other account's does, so that a client that knew the roster of a former account of the same
-- name knows no version of this one. forgotten is the newest version of which a removal may no longer be remembered:
-- changes are known only since it.
CREATE TABLE roster (
    account   INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    items     INTEGER NOT NULL DEFAULT 0,
    requests  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Without a rowid, so that a roster's items lie together: all of them are read at each login.
CREATE TABLE roster_item (
    account      INTEGER NOT NULL,
    contact      TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT,
    groups       TEXT    NOT NULL, -- JSON, an array of strings
    subscription TEXT    NOT NULL CHECK (subscription IN ('none', 'to', 'from', 'both')),
    pending_out  INTEGER NOT NULL CHECK (pending_out IN (0, 1)),
    approved     INTEGER NOT NULL CHECK (approved IN (0, 1)),
    PRIMARY KEY (account, contact)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX roster_item_by_version ON roster_item (account, version);
CREATE INDEX roster_item_by_contact ON roster_item (contact);

-- Items that were removed, until they are there again or many others were removed after them.
CREATE TABLE roster_removal (
    account INTEGER NOT NULL,
    contact TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, contact)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX roster_removal_by_version ON roster_removal (account, version);

-- The id only orders them.
CREATE TABLE roster_request (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    contact TEXT    NOT NULL,
    stanza  BLOB    NOT NULL,
    UNIQUE (account, contact)
) STRICT;
CREATE INDEX roster_request_by_contact ON roster_request (contact);

CREATE TABLE spool (
    account INTEGER PRIMARY KEY,
    stanzas INTEGER NOT NULL DEFAULT 0,
    bytes   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- AUTOINCREMENT, because readers remember how far they are by the id, also in a spool that was emptied meanwhile.
CREATE TABLE spooled (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    stanza  BLOB    NOT NULL
) STRICT;
CREATE INDEX spooled_by_account ON spooled (account);
CREATE INDEX spooled_by_time ON spooled (at);

CREATE TRIGGER spool_counts_in AFTER INSERT ON spooled BEGIN
    UPDATE spool SET stanzas = stanzas + 1, bytes = bytes + OCTET_LENGTH(NEW.stanza) WHERE account = NEW.account;
END;

CREATE TRIGGER spool_counts_out AFTER DELETE ON spooled BEGIN
    UPDATE spool SET stanzas = stanzas - 1, bytes = bytes - OCTET_LENGTH(OLD.stanza) WHERE account = OLD.account;
END;

CREATE TRIGGER account_gets_roster_and_spool AFTER INSERT ON account BEGIN
    INSERT INTO roster (account, version, forgotten)
        VALUES (NEW.id, (NEW.id & 0x7fffffff) << 32, (NEW.id & 0x7fffffff) << 32);
    INSERT INTO spool (account) VALUES (NEW.id);
END;

-- The spool's counters go first: nothing is to be counted out of them.
CREATE TRIGGER account_purges_roster_and_spool AFTER DELETE ON account BEGIN
    DELETE FROM roster WHERE account = OLD.id;
    DELETE FROM roster_item WHERE account = OLD.id;
    DELETE FROM roster_removal WHERE account = OLD.id;
    DELETE FROM roster_request WHERE account = OLD.id;
    DELETE FROM spool WHERE account = OLD.id;
    DELETE FROM spooled WHERE account = OLD.id;
END;

INSERT INTO roster (account, version, forgotten)
    SELECT id, (id & 0x7fffffff) << 32, (id & 0x7fffffff) << 32 FROM account;
INSERT INTO spool (account) SELECT id FROM account;
