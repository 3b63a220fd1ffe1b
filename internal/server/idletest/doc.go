// Package idletest measures what a server holds while nobody calls it.
package idletest
