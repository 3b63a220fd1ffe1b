// Package faulttest is for tests: it runs the real server under load while
// something goes wrong around it, and looks at what it promised. Whatever the
// fault, no acknowledged submission is lost or stored twice, no request hangs
// past twice its deadline, /readyz tells the truth, and within five seconds
// after the fault is over everything works again, without a restart.
//
// FAIRLEAD_SOAK=1 runs the full counts.
package faulttest
