-- What was erased, and what outlives a master key.

-- application is '' for a whole program that was destroyed; then
-- program_create_time says which of those that had this id, otherwise it is 0.
-- No reference to programs: the line stays when the program goes.
CREATE TABLE erasures (
    program             ${text} NOT NULL,
    application         ${text} NOT NULL,
    program_create_time ${int} NOT NULL,
    create_time         ${int} NOT NULL,
    PRIMARY KEY (program, application, program_create_time)
) ${table};
CREATE INDEX erasures_time ON erasures (create_time);

-- Keys that were derived from an earlier master key and are still needed,
-- wrapped by the present one. A label that is not here is derived from it.
CREATE TABLE derived_keys (
    label       ${text} PRIMARY KEY,
    wrapped     ${bytes} NOT NULL,
    create_time ${int} NOT NULL
) ${table};
