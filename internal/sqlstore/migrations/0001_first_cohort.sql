-- The first schema. Words in ${…} stand for what the dialects spell
-- differently: ${text} compares by bytes, ${bytes} is a byte string, ${int} has
-- 64 bits, ${table} ends a table. Times are microseconds since 1970 in UTC, 0
-- for none. A column "body", and whatever else is called sealed, is encrypted
-- under a data key.

-- One row: which master key this database belongs to.
CREATE TABLE installation (
    one         ${int} PRIMARY KEY CHECK (one = 1),
    key_id      ${text} NOT NULL,
    key_check   ${bytes} NOT NULL,
    create_time ${int} NOT NULL
) ${table};

-- Data keys, wrapped by the master key. Program '' is the installation itself.
-- New values are sealed with the current key; older keys open older values.
CREATE TABLE data_keys (
    program     ${text} NOT NULL,
    id          ${text} NOT NULL,
    current     ${int} NOT NULL CHECK (current IN (0, 1)),
    wrapped     ${bytes} NOT NULL,
    create_time ${int} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX data_keys_current ON data_keys (program) WHERE current = 1;

CREATE TABLE programs (
    id       ${text} PRIMARY KEY,
    state    ${text} NOT NULL,
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL
) ${table};

-- Apart from programs, so that counting rewrites 30 bytes and no text.
CREATE TABLE program_counters (
    program      ${text} PRIMARY KEY REFERENCES programs (id),
    applications ${int} NOT NULL
) ${table};

-- stamp is the random head of the sealed body: it tells whether a decoded form
-- in memory is this one.
CREATE TABLE forms (
    program ${text} NOT NULL REFERENCES programs (id),
    version ${int} NOT NULL CHECK (version > 0),
    stamp   ${bytes} NOT NULL,
    body    ${bytes} NOT NULL,
    PRIMARY KEY (program, version)
) ${table};

CREATE TABLE criteria (
    program    ${text} NOT NULL REFERENCES programs (id),
    version    ${int} NOT NULL CHECK (version > 0),
    registered ${int} NOT NULL CHECK (registered IN (0, 1)),
    body       ${bytes} NOT NULL,
    PRIMARY KEY (program, version)
) ${table};

CREATE TABLE policies (
    program  ${text} NOT NULL REFERENCES programs (id),
    id       ${text} NOT NULL,
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};

-- return_code is a hash; several applications may have none.
CREATE TABLE applications (
    program     ${text} NOT NULL REFERENCES programs (id),
    id          ${text} NOT NULL,
    code        ${text} NOT NULL,
    state       ${text} NOT NULL,
    revision    ${int} NOT NULL,
    return_code ${bytes},
    body        ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX applications_code ON applications (program, code);
CREATE UNIQUE INDEX applications_return_code ON applications (program, return_code);
CREATE INDEX applications_state ON applications (program, state);

-- frozen and record are sealed, and NULL until they exist.
CREATE TABLE selections (
    program      ${text} NOT NULL REFERENCES programs (id),
    id           ${text} NOT NULL,
    state        ${text} NOT NULL,
    owner        ${text} NOT NULL,
    lease_until  ${int} NOT NULL,
    attempt      ${int} NOT NULL,
    cancel_asked ${int} NOT NULL CHECK (cancel_asked IN (0, 1)),
    revision     ${int} NOT NULL,
    body         ${bytes} NOT NULL,
    frozen       ${bytes},
    record       ${bytes},
    PRIMARY KEY (program, id)
) ${table};
CREATE INDEX selections_waiting ON selections (id) WHERE state IN ('QUEUED', 'RUNNING');

CREATE TABLE users (
    id       ${text} PRIMARY KEY,
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL
) ${table};

-- hash is of a secret with 256 bits. first is 1 for the installation's first
-- token and NULL for all others: its unique key lets one of N servers win.
CREATE TABLE tokens (
    id          ${text} PRIMARY KEY,
    hash        ${bytes} NOT NULL UNIQUE,
    first       ${int} UNIQUE CHECK (first = 1),
    revoke_time ${int} NOT NULL,
    body        ${bytes} NOT NULL
) ${table};

-- Sign-in links: program, application and token generation of an applicant, or
-- a staff token.
CREATE TABLE links (
    hash        ${bytes} PRIMARY KEY,
    program     ${text} NOT NULL,
    application ${text} NOT NULL,
    generation  ${int} NOT NULL,
    token       ${text} NOT NULL,
    expire_time ${int} NOT NULL,
    use_time    ${int} NOT NULL
) ${table};
CREATE INDEX links_program ON links (program);

-- First answers by the clients' request ids; answer is sealed.
CREATE TABLE requests (
    program     ${text} NOT NULL,
    method      ${text} NOT NULL,
    id          ${text} NOT NULL,
    hash        ${bytes} NOT NULL,
    resource    ${text} NOT NULL,
    answer      ${bytes},
    create_time ${int} NOT NULL,
    PRIMARY KEY (program, method, id)
) ${table};

-- The audit log. reason is sealed: a salt and the words; reason_digest commits
-- to both and stays when the key is destroyed. hashes are the hashes of the
-- Merkle tree that this record completed, lowest first.
CREATE TABLE events (
    idx           ${int} PRIMARY KEY,
    create_time   ${int} NOT NULL,
    actor         ${text} NOT NULL,
    action        ${text} NOT NULL,
    resource      ${text} NOT NULL,
    detail        ${text} NOT NULL,
    reason_digest ${bytes},
    reason        ${bytes},
    hashes        ${bytes} NOT NULL
) ${table};

-- One row: the right edge of the tree, sealed by a MAC under a key that the
-- database does not hold.
CREATE TABLE audit_head (
    one  ${int} PRIMARY KEY CHECK (one = 1),
    size ${int} NOT NULL,
    edge ${bytes} NOT NULL,
    mac  ${bytes} NOT NULL
) ${table};
