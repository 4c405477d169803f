-- Accounts whose passwords somebody else keeps: a provider of logins. Their key columns are empty and are never read, so
-- that no password of the server's own is right for them.
ALTER TABLE account ADD COLUMN external INTEGER NOT NULL DEFAULT 0 CHECK (external IN (0, 1));
