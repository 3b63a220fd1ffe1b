// Package selecttest runs `fairlead select` as people do: the real binary, real
// files, real signals. It holds tests, and what other tests of the command need.
package selecttest
