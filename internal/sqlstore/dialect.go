package sqlstore

import (
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// dialect is what the databases spell or number differently. All SQL is
// written once, in the subset they share; ${words} in it are replaced.
type dialect struct {
	name  string
	words *strings.Replacer
	// classify says what an error of the driver means; ok is false for an
	// error that is not the database's.
	classify func(err error) (f failure, ok bool)
}

// sql returns a text in the dialect.
func (d *dialect) sql(text string) string { return d.words.Replace(text) }

var sqliteDialect = &dialect{
	name: "SQLite",
	words: strings.NewReplacer(
		"${text}", "TEXT", // compares by bytes unless told otherwise
		"${bytes}", "BLOB",
		"${int}", "INTEGER",
		"${table}", "STRICT",
		"${for update}", "", // the write pool has one connection
		"${for no key update of p}", "",
		"${for key share}", "",
		"${skip locked}", "",
		"${has migrations}", "count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
	),
	classify: classifySQLite,
}

var postgresDialect = &dialect{
	name: "PostgreSQL",
	words: strings.NewReplacer(
		"${text}", `TEXT COLLATE "C"`,
		"${bytes}", "BYTEA",
		"${int}", "BIGINT",
		"${table}", "",
		"${for update}", "FOR UPDATE",
		"${for no key update of p}", "FOR NO KEY UPDATE OF p", // lets those be whose rows refer to it
		"${for key share}", "FOR KEY SHARE",
		"${skip locked}", "FOR UPDATE SKIP LOCKED",
		"${has migrations}", "count(to_regclass('migrations'))",
	),
	classify: classifyPostgres,
}

// failure is the meaning of a database error.
type failure struct {
	code   applications.Code
	reason string
	// message is for people. The database's own words are never passed on: some
	// databases put values into them.
	message string
	// retry: the transaction lost a race, and may be run again.
	retry bool
}

var (
	failRetry       = failure{applications.Aborted, "TRANSACTION_CONFLICT", "somebody else changed the same data at the same time; try again", true}
	failDuplicate   = failure{applications.AlreadyExists, "ALREADY_EXISTS", "this exists already", false}
	failReference   = failure{applications.FailedPrecondition, "REFERENCE_MISSING", "what this belongs to does not exist, or something else still hangs on it", false}
	failConstraint  = failure{applications.InvalidArgument, "VALUE_REFUSED", "the database refused a value", false}
	failTooBig      = failure{applications.InvalidArgument, "VALUE_TOO_LARGE", "a value is too large for the database", false}
	failBusy        = failure{applications.Unavailable, "DATABASE_BUSY", "another process keeps the database busy; try again shortly", false}
	failFull        = failure{applications.Unavailable, "DATABASE_FULL", "the database has no room left to write; free space on its disk", false}
	failReadOnly    = failure{applications.Unavailable, "DATABASE_READ_ONLY", "the database cannot be written; check the permissions of its folder and file or, for a server, that it is no standby", false}
	failUnavailable = failure{applications.Unavailable, "DATABASE_UNAVAILABLE", "the database cannot be reached just now; try again shortly", false}
	failDamaged     = failure{applications.DataLoss, "DATABASE_DAMAGED", "the database file is damaged; restore it from a backup", false}
	failLost        = failure{applications.Unavailable, "DATABASE_UNAVAILABLE", "the database cannot be reached just now; try again shortly", true}
	failForbidden   = failure{applications.FailedPrecondition, "DATABASE_FORBIDDEN", "the role that this server uses lacks a right on the database; see docs/operations.md", false}
	failNoSchema    = failure{applications.FailedPrecondition, "DATABASE_SCHEMA_MISSING", "the database has no schema for new tables; make the one that search_path names, with CREATE SCHEMA, or name one that is there", false}
	failInterrupted = failure{applications.Canceled, "CANCELED", "the call was canceled", false}
	// failTableExists is only met by who migrates.
	failTableExists = failure{applications.Internal, "", "a table exists already", false}
	failInternal    = failure{applications.Internal, "", "", false}
)

// sqlStates says what SQLSTATEs mean, for databases that speak them: the whole
// state first, then its class of two characters.
var sqlStates = map[string]failure{
	"08":    failUnavailable, // connection
	"22":    failConstraint,  // data exception
	"23":    failConstraint,  // integrity constraint
	"23503": failReference,
	"23505": failDuplicate,
	"25006": failReadOnly,
	"25P03": failUnavailable, // the server ended an idle transaction
	"3F000": failNoSchema,
	"40001": failRetry,       // serialization failure
	"40003": failUnavailable, // outcome unknown
	"40P01": failRetry,       // deadlock
	"42501": failForbidden,
	"42P07": failTableExists,
	"53":    failUnavailable,
	"53100": failFull,
	"54":    failTooBig,
	"57":    failUnavailable, // operator intervention
	"58":    failUnavailable, // system error
	"XX001": failDamaged,
	"XX002": failDamaged,
}

// bySQLState returns the meaning of a SQLSTATE; internal for those that only a
// mistake of ours brings about.
func bySQLState(state string) failure {
	if f, ok := sqlStates[state]; ok {
		return f
	}
	if len(state) == 5 {
		if f, ok := sqlStates[state[:2]]; ok {
			return f
		}
	}
	return failInternal
}
