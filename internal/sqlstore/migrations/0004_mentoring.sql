-- Mentors and mentees, the runs that pair them, and what becomes of a pair.

-- published is the run that was published last, or ''. mentors and mentees are
-- the numbers of the last codes.
CREATE TABLE mentoring_plans (
    program   ${text} PRIMARY KEY REFERENCES programs (id),
    published ${text} NOT NULL,
    mentors   ${int} NOT NULL,
    mentees   ${int} NOT NULL,
    revision  ${int} NOT NULL,
    body      ${bytes} NOT NULL
) ${table};

-- origin_application is '' for who came by themselves.
CREATE TABLE enrollments (
    program            ${text} NOT NULL REFERENCES programs (id),
    id                 ${text} NOT NULL,
    code               ${text} NOT NULL,
    role               ${text} NOT NULL,
    state              ${text} NOT NULL,
    origin_program     ${text} NOT NULL,
    origin_application ${text} NOT NULL,
    revision           ${int} NOT NULL,
    body               ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX enrollments_code ON enrollments (program, code);
CREATE UNIQUE INDEX enrollments_origin ON enrollments (program, role, origin_program, origin_application) WHERE origin_application <> '';
CREATE INDEX enrollments_from ON enrollments (origin_program, origin_application) WHERE origin_application <> '';

-- How many places an enrollment has, how many have an open proposal or a live
-- mentorship, and how many a live mentorship. Changed by conditional updates
-- only. Somebody may give fewer places than are taken already.
CREATE TABLE enrollment_places (
    program    ${text} NOT NULL,
    enrollment ${text} NOT NULL,
    total      ${int} NOT NULL CHECK (total >= 0),
    proposed   ${int} NOT NULL CHECK (proposed >= taken),
    taken      ${int} NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (program, enrollment),
    FOREIGN KEY (program, enrollment) REFERENCES enrollments (program, id)
) ${table};

CREATE TABLE enrollment_links (
    hash        ${bytes} PRIMARY KEY,
    program     ${text} NOT NULL,
    enrollment  ${text} NOT NULL,
    generation  ${int} NOT NULL,
    expire_time ${int} NOT NULL,
    use_time    ${int} NOT NULL
) ${table};
CREATE INDEX enrollment_links_program ON enrollment_links (program, enrollment);

CREATE TABLE directives (
    program  ${text} NOT NULL REFERENCES programs (id),
    id       ${text} NOT NULL,
    mentee   ${text} NOT NULL,
    mentor   ${text} NOT NULL,
    in_force ${int} NOT NULL CHECK (in_force IN (0, 1)),
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX directives_pair ON directives (program, mentee, mentor) WHERE in_force = 1;

-- frozen and record are sealed, and NULL until they exist.
CREATE TABLE matchings (
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
CREATE INDEX matchings_waiting ON matchings (id) WHERE state IN ('QUEUED', 'SOLVING');

-- A pair has at most one open proposal. expire_time is 0 until it is sent.
CREATE TABLE proposals (
    program     ${text} NOT NULL REFERENCES programs (id),
    id          ${text} NOT NULL,
    mentee      ${text} NOT NULL,
    mentor      ${text} NOT NULL,
    state       ${text} NOT NULL,
    expire_time ${int} NOT NULL,
    revision    ${int} NOT NULL,
    body        ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX proposals_open ON proposals (program, mentee, mentor) WHERE state IN ('STAGED', 'SENT', 'ACCEPTED');
CREATE INDEX proposals_mentor ON proposals (program, mentor);
CREATE INDEX proposals_mentee ON proposals (program, mentee);
CREATE INDEX proposals_due ON proposals (expire_time) WHERE state IN ('SENT', 'ACCEPTED');

-- A pair has at most one live mentorship.
CREATE TABLE mentorships (
    program  ${text} NOT NULL REFERENCES programs (id),
    id       ${text} NOT NULL,
    mentee   ${text} NOT NULL,
    mentor   ${text} NOT NULL,
    state    ${text} NOT NULL,
    revision ${int} NOT NULL,
    body     ${bytes} NOT NULL,
    PRIMARY KEY (program, id)
) ${table};
CREATE UNIQUE INDEX mentorships_live ON mentorships (program, mentee, mentor) WHERE state IN ('ACTIVE', 'ON_HOLD');
CREATE INDEX mentorships_mentor ON mentorships (program, mentor);
CREATE INDEX mentorships_mentee ON mentorships (program, mentee);
