// Package selecttest runs `fairlead select` as people do: the real binary, real
// files, real signals. It holds tests only.
package selecttest
