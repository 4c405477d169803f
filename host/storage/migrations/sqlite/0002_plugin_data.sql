-- What plugins keep. Everything a plugin has hangs on its namespace, and what is about an account on the account's id too.
--
-- bytes, keys and entries are what the namespace has used of its quota. The writer keeps them as it writes, so that no
-- write has to add up what is there. last_sequence is the newest number given to an entry of any of its logs: it only
-- grows, so that no number recurs, also in a log that was emptied.
CREATE TABLE plugin_namespace (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    bytes         INTEGER NOT NULL DEFAULT 0,
    keys          INTEGER NOT NULL DEFAULT 0,
    entries       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- account is 0 for what is the plugin's own. It leads the index, so that an account's data, of all plugins, lie together
-- and go without a search. The rows have a rowid: with the values in the index, one of more than a quarter of a page
-- would take a page of its own.
CREATE TABLE plugin_value (
    id        INTEGER PRIMARY KEY,
    account   INTEGER NOT NULL,
    namespace INTEGER NOT NULL,
    key       TEXT    NOT NULL,
    value     BLOB    NOT NULL,
    UNIQUE (account, namespace, key)
) STRICT;

CREATE TABLE plugin_log (
    id        INTEGER PRIMARY KEY,
    account   INTEGER NOT NULL,
    namespace INTEGER NOT NULL,
    log       TEXT    NOT NULL,
    sequence  INTEGER NOT NULL,
    value     BLOB    NOT NULL,
    UNIQUE (account, namespace, log, sequence)
) STRICT;

-- Removing an account purges what every plugin keeps about it, and gives back what that used. A trigger and not ON DELETE
-- CASCADE: a cascade keeps no counters, wants a column that is NULL for the plugins' own data, which no unique index
-- would then hold to one row a key, and does nothing in a shell that has not switched foreign keys on.
CREATE TRIGGER account_purges_plugin_data AFTER DELETE ON account BEGIN
    UPDATE plugin_namespace SET (bytes, keys) = (
        SELECT plugin_namespace.bytes - COALESCE(SUM(OCTET_LENGTH(key) + OCTET_LENGTH(value)), 0),
               plugin_namespace.keys - COUNT(*)
        FROM plugin_value WHERE account = OLD.id AND namespace = plugin_namespace.id
    );
    UPDATE plugin_namespace SET (bytes, entries) = (
        SELECT plugin_namespace.bytes - COALESCE(SUM(OCTET_LENGTH(log) + OCTET_LENGTH(value)), 0),
               plugin_namespace.entries - COUNT(*)
        FROM plugin_log WHERE account = OLD.id AND namespace = plugin_namespace.id
    );
    DELETE FROM plugin_value WHERE account = OLD.id;
    DELETE FROM plugin_log WHERE account = OLD.id;
END;
