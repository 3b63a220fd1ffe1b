// Package replicatest holds tests only: several processes work on one
// database at the same time, and what only one of them may have, one gets: a
// seat, the last offer of a batch, a run of the selector, the first
// administrator.
//
// For seats the processes are this test's own binary started again, each with
// a store of its own, on SQLite as on PostgreSQL; the naive way to sell seats
// goes through the same harness, and has to be caught. For the rest they are
// real servers on one PostgreSQL, of which one is killed.
//
// FAIRLEAD_SOAK=1 runs the full counts.
package replicatest
