-- What SCRAM keeps of a password, a row a hash, so that another hash needs no other schema. An account without rows is external:
-- a provider of logins keeps its password.
CREATE TABLE scram_key (
    account    bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash       text COLLATE "C" NOT NULL,
    salt       bytea  NOT NULL,
    iterations bigint NOT NULL,
    stored_key bytea  NOT NULL,
    server_key bytea  NOT NULL,
    PRIMARY KEY (account, hash)
);

INSERT INTO scram_key SELECT id, 'SHA-1', sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key
    FROM account WHERE NOT external;
INSERT INTO scram_key SELECT id, 'SHA-256', sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key
    FROM account WHERE NOT external;

ALTER TABLE account
    DROP COLUMN sha1_salt, DROP COLUMN sha1_iterations, DROP COLUMN sha1_stored_key, DROP COLUMN sha1_server_key,
    DROP COLUMN sha256_salt, DROP COLUMN sha256_iterations, DROP COLUMN sha256_stored_key, DROP COLUMN sha256_server_key,
    DROP COLUMN external;
