// Package setuptest sets a server up as docs/operations.md says, from the files
// and commands of the document itself, and calls it as the world would. It holds
// tests only.
package setuptest
