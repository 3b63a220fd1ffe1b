// Package readmetest holds tests only: it runs the commands that the README
// tells people to run, in their order, and compares what they print with what
// the README says they print.
//
// A fenced block that begins with ```sh is run; a ```text block after it is
// what its standard output has to be, and where that holds something that
// differs from one run to the next the README writes "…". Indented blocks are
// not run: of these every `make` target has to exist.
package readmetest
