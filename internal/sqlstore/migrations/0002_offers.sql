-- Seats that are offered, and the answers to them.

-- An application has at most one open offer. expire_time is 0 until it is sent.
CREATE TABLE offers (
    program     ${text} NOT NULL REFERENCES programs (id),
    id          ${text} NOT NULL,
    application ${text} NOT NULL,
    state       ${text} NOT NULL,
    expire_time ${int} NOT NULL,
    revision    ${int} NOT NULL,
    body        ${bytes} NOT NULL,
    PRIMARY KEY (program, id),
    FOREIGN KEY (program, application) REFERENCES applications (program, id)
) ${table};
CREATE UNIQUE INDEX offers_open ON offers (program, application) WHERE state IN ('PENDING', 'SENT', 'ACCEPTED');
CREATE INDEX offers_application ON offers (program, application);
CREATE INDEX offers_state ON offers (program, state);
CREATE INDEX offers_due ON offers (expire_time) WHERE state = 'SENT';

-- How many seats there are, how many open offers for them, and how many were
-- accepted. Changed by conditional updates only; the checks are the last line.
CREATE TABLE program_seats (
    program ${text} PRIMARY KEY REFERENCES programs (id),
    total   ${int} NOT NULL CHECK (total >= 0),
    offered ${int} NOT NULL CHECK (offered >= 0),
    taken   ${int} NOT NULL CHECK (taken >= 0 AND taken <= total)
) ${table};
