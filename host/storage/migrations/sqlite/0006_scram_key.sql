-- What SCRAM keeps of a password, a row a hash, so that another hash needs no other schema. An account without rows is external:
-- a provider of logins keeps its password.
CREATE TABLE scram_key (
    account    INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash       TEXT    NOT NULL,
    salt       BLOB    NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB    NOT NULL,
    server_key BLOB    NOT NULL,
    PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

INSERT INTO scram_key SELECT id, 'SHA-1', sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key
    FROM account WHERE NOT external;
INSERT INTO scram_key SELECT id, 'SHA-256', sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key
    FROM account WHERE NOT external;

ALTER TABLE account DROP COLUMN sha1_salt;
ALTER TABLE account DROP COLUMN sha1_iterations;
ALTER TABLE account DROP COLUMN sha1_stored_key;
ALTER TABLE account DROP COLUMN sha1_server_key;
ALTER TABLE account DROP COLUMN sha256_salt;
ALTER TABLE account DROP COLUMN sha256_iterations;
ALTER TABLE account DROP COLUMN sha256_stored_key;
ALTER TABLE account DROP COLUMN sha256_server_key;
ALTER TABLE account DROP COLUMN external;
