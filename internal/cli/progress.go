package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// terminal is whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progressLine shows what a long run is at: on a terminal one line that is
// rewritten at most 10 times a second, elsewhere a line every 10 seconds.
type progressLine struct {
	w     io.Writer
	live  bool
	every time.Duration
	start time.Time
	next  time.Time
	shown bool
}

func newProgressLine(w io.Writer, quiet bool) *progressLine {
	now := time.Now()
	l := &progressLine{w: w, live: terminal(w), every: 10 * time.Second, start: now}
	if l.live {
		l.every = 100 * time.Millisecond
	}
	if quiet {
		l.w = nil
	}
	l.next = now.Add(l.every)
	return l
}

func (l *progressLine) show(p selection.Progress) {
	now := time.Now()
	if l.w == nil || now.Before(l.next) {
		return
	}
	l.next = now.Add(l.every)
	text := p.Step + ": "
	if p.Pivots > 0 {
		text += fmt.Sprintf("%d pivots, ", p.Pivots)
	}
	text += now.Sub(l.start).Round(100 * time.Millisecond).String()
	if len(p.Done) > 0 {
		text += "; proved so far: " + p.Done[len(p.Done)-1].Name
	}
	if l.live {
		const width = 78
		fmt.Fprintf(l.w, "\r%-*s", width, text[:min(len(text), width)])
		l.shown = true
		return
	}
	fmt.Fprintln(l.w, text)
}

// watch shows what the search for a lottery is at.
func (l *progressLine) watch(p lottery.Progress) { l.show(lotteryStep(p)) }

func lotteryStep(p lottery.Progress) selection.Progress {
	step := "lottery, " + p.Step
	if p.Level > 0 {
		step += fmt.Sprintf(" %d", p.Level)
	}
	return selection.Progress{Step: step, Pivots: p.Pivots}
}

// certifying shows how many proofs of the record are written.
func (l *progressLine) certifying(done, of int) {
	l.show(selection.Progress{Step: fmt.Sprintf("proofs for the record, %d of %d", done, of)})
}

// clear takes the line off the terminal.
func (l *progressLine) clear() {
	if l.shown {
		fmt.Fprintf(l.w, "\r%s\r", strings.Repeat(" ", 78))
	}
}

// writeRecord prints the bytes of a record as they are, whose digest somebody may
// take; a person's prompt begins on a line of its own.
func (p *program) writeRecord(b []byte) error {
	if terminal(p.stdout) {
		b = append(b, '\n')
	}
	_, err := p.stdout.Write(b)
	return err
}
