// Package apitest holds the tests that keep the house in order: that the API
// follows the AIPs it claims to follow, read from the descriptors that are
// linked into the server (a new method that does not is a failing build), and
// that no package imports what docs/decisions/0001 forbids.
//
// Both kinds of rule are themselves tested: each is given a planted violation
// that it has to find.
package apitest
