package load

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Ledger is a file of what the server has acknowledged: a submission counts as
// acknowledged when its whole 2xx answer has been read and is in the ledger.
// Writing happens beside the clients, so that the ledger's own disk time is
// not measured as the server's.
type Ledger struct {
	path string
	file *os.File

	mu      sync.Mutex
	pending []byte
	count   int
	closed  bool
	done    chan struct{} // closed when the writer has ended
	err     error         // after done
}

// flushEvery is how often the ledger goes to disk.
const flushEvery = 50 * time.Millisecond

// Entry is one acknowledged submission.
type Entry struct {
	Number int
	Key    string // the request id
	Answer []byte // as the server sent it
}

// NewLedger makes the file, which must not exist.
func NewLedger(path string) (*Ledger, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, file: f, done: make(chan struct{})}
	go l.write()
	return l, nil
}

// Add records one answer.
func (l *Ledger) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.pending = binary.BigEndian.AppendUint64(l.pending, uint64(e.Number))
	l.pending = binary.BigEndian.AppendUint32(l.pending, uint32(len(e.Key)))
	l.pending = binary.BigEndian.AppendUint32(l.pending, uint32(len(e.Answer)))
	l.pending = append(append(l.pending, e.Key...), e.Answer...)
}

func (l *Ledger) write() {
	defer close(l.done)
	var spare []byte
	for {
		l.mu.Lock()
		batch, closed := l.pending, l.closed
		l.pending = spare[:0]
		l.mu.Unlock()
		if len(batch) > 0 && l.err == nil {
			_, err := l.file.Write(batch)
			l.err = errors.Join(err, l.file.Sync())
		}
		if closed {
			l.err = errors.Join(l.err, l.file.Close())
			return
		}
		spare = batch
		time.Sleep(flushEvery)
	}
}

// Close has everything on disk before it returns.
func (l *Ledger) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	<-l.done
	return l.err
}

// Entries reads a closed ledger back from its file, in the order in which the
// answers came.
func (l *Ledger) Entries(yield func(Entry) error) error {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	n := 0
	for {
		var head [16]byte
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("%s, entry %d: %w", l.path, n, err)
		}
		e := Entry{Number: int(binary.BigEndian.Uint64(head[:]))}
		text := make([]byte, int(binary.BigEndian.Uint32(head[8:]))+int(binary.BigEndian.Uint32(head[12:])))
		if _, err := io.ReadFull(r, text); err != nil {
			return fmt.Errorf("%s, entry %d: %w", l.path, n, err)
		}
		key := binary.BigEndian.Uint32(head[8:])
		e.Key, e.Answer = string(text[:key]), text[key:]
		if err := yield(e); err != nil {
			return err
		}
		n++
	}
	if n != l.count {
		return fmt.Errorf("%s holds %d entries of %d", l.path, n, l.count)
	}
	return nil
}
