-- Accounts. AUTOINCREMENT, because everything else hangs on the id: the id of a removed account never recurs, so that
-- a name registered again inherits nothing.
CREATE TABLE account (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    localpart         TEXT    NOT NULL,
    domain            TEXT    NOT NULL,
    sha1_salt         BLOB    NOT NULL,
    sha1_iterations   INTEGER NOT NULL,
    sha1_stored_key   BLOB    NOT NULL,
    sha1_server_key   BLOB    NOT NULL,
    sha256_salt       BLOB    NOT NULL,
    sha256_iterations INTEGER NOT NULL,
    sha256_stored_key BLOB    NOT NULL,
    sha256_server_key BLOB    NOT NULL,
    disabled          INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at        INTEGER NOT NULL,
    UNIQUE (domain, localpart)
) STRICT;
