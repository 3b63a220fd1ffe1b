// Package killtest holds tests only: the real binary is killed with SIGKILL,
// again and again, while people apply and while a cohort is chosen. What the
// server has acknowledged must be there afterwards, once, and a run that was
// interrupted must end with the same bytes as one that was not.
//
// "Acknowledged" means: the client read a complete 2xx answer and had it on
// disk (fsync) in a file of its own before it went on.
//
// FAIRLEAD_SOAK=1 runs the full counts. FAIRLEAD_SEED=N repeats a run's kill
// moments as far as two processes on one machine can be repeated.
package killtest
