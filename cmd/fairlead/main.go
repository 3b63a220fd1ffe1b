// Command fairlead chooses cohorts, and serves calls for applications.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/openfairlead/fairlead/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
