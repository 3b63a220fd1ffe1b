-- Networks of peers, the rounds that put them together, and introductions.

-- rounds counts those that were published, members are the numbers of codes.
CREATE TABLE networks (
    program  ${text} NOT NULL REFERENCES programs (id),
    id       ${text} NOT NULL,
    rounds   ${int} NOT NULL,
    members  ${int} NOT NULL,
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};

-- reference is a keyed digest of the person's id in the file they come from, or
-- NULL. waited, skipped and introduce_time are how rounds treated them.
CREATE TABLE network_members (
    program        ${text} NOT NULL,
    id             ${text} NOT NULL,
    network        ${text} NOT NULL,
    code           ${text} NOT NULL,
    reference      ${bytes},
    waited         ${int} NOT NULL,
    skipped        ${int} NOT NULL,
    introduce_time ${int} NOT NULL,
    revision       ${int} NOT NULL,
    body           ${bytes} NOT NULL,
    PRIMARY KEY (program, id),
    FOREIGN KEY (program, network) REFERENCES networks (program, id)
) ${table};
CREATE UNIQUE INDEX network_members_code ON network_members (program, network, code);
CREATE UNIQUE INDEX network_members_reference ON network_members (program, network, reference) WHERE reference IS NOT NULL;
CREATE INDEX network_members_network ON network_members (program, network, id);

CREATE TABLE network_links (
    hash        ${bytes} PRIMARY KEY,
    program     ${text} NOT NULL,
    network     ${text} NOT NULL,
    member      ${text} NOT NULL,
    generation  ${int} NOT NULL,
    expire_time ${int} NOT NULL,
    use_time    ${int} NOT NULL
) ${table};
CREATE INDEX network_links_member ON network_links (program, member);

-- frozen and record are sealed, and NULL until they exist.
CREATE TABLE network_rounds (
    program      ${text} NOT NULL,
    id           ${text} NOT NULL,
    network      ${text} NOT NULL,
    state        ${text} NOT NULL,
    owner        ${text} NOT NULL,
    lease_until  ${int} NOT NULL,
    attempt      ${int} NOT NULL,
    cancel_asked ${int} NOT NULL CHECK (cancel_asked IN (0, 1)),
    revision     ${int} NOT NULL,
    body         ${bytes} NOT NULL,
    frozen       ${bytes},
    record       ${bytes},
    PRIMARY KEY (program, id),
    FOREIGN KEY (program, network) REFERENCES networks (program, id)
) ${table};
CREATE INDEX network_rounds_network ON network_rounds (program, network, id);
CREATE INDEX network_rounds_waiting ON network_rounds (id) WHERE state IN ('QUEUED', 'SOLVING');

CREATE TABLE introductions (
    program     ${text} NOT NULL,
    id          ${text} NOT NULL,
    network     ${text} NOT NULL,
    round       ${text} NOT NULL,
    state       ${text} NOT NULL,
    expire_time ${int} NOT NULL,
    revision    ${int} NOT NULL,
    body        ${bytes} NOT NULL,
    PRIMARY KEY (program, id),
    FOREIGN KEY (program, network) REFERENCES networks (program, id)
) ${table};
CREATE INDEX introductions_network ON introductions (program, network, id);
CREATE INDEX introductions_round ON introductions (program, round);
CREATE INDEX introductions_due ON introductions (expire_time) WHERE state = 'PROPOSED';

-- Who is in an introduction, and how they stood before it. It says who met whom,
-- and not how it ended.
CREATE TABLE introduction_members (
    program        ${text} NOT NULL,
    introduction   ${text} NOT NULL,
    member         ${text} NOT NULL,
    waited         ${int} NOT NULL,
    skipped        ${int} NOT NULL,
    introduce_time ${int} NOT NULL,
    PRIMARY KEY (program, introduction, member),
    FOREIGN KEY (program, introduction) REFERENCES introductions (program, id)
) ${table};
CREATE INDEX introduction_members_member ON introduction_members (program, member, introduction);
