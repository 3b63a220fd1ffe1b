package vault

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func keyFile(t *testing.T) (path string, v *Vault) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "master.key")
	v, _, err := LoadOrCreate(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return path, v
}

func wantFiles(t *testing.T, path string, want map[string]*Vault) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		name := filepath.Join(filepath.Dir(path), f.Name())
		v, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if want[name] == nil || want[name].KeyID() != v.KeyID() {
			t.Errorf("%s holds %s", name, v.KeyID())
		}
	}
	if len(list) != len(want) {
		t.Errorf("%d files, want %d", len(list), len(want))
	}
}

// Whatever the step after which a change of the master key is cut off, the
// database opens, and with one of the two keys.
func TestFollow(t *testing.T) {
	path, old := keyFile(t)
	next, made, err := Next(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	if again, made, err := Next(path); err != nil || made || again.KeyID() != next.KeyID() {
		t.Fatalf("a key that was prepared is not taken: %v %v", made, err)
	}
	wantFiles(t, path, map[string]*Vault{path: old, NextPath(path): next})

	// The database has not gone over.
	running, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := running.Follow(old.KeyID(), old.Check(), nil); changed || err != nil {
		t.Fatal(changed, err)
	}
	// It has: several processes notice at the same time.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := Load(path)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := v.Follow(next.KeyID(), next.Check(), nil); err != nil || v.KeyID() != next.KeyID() {
				t.Errorf("%s %v", v.KeyID(), err)
			}
		})
	}
	wg.Wait()
	wantFiles(t, path, map[string]*Vault{path: next, OldPath(path): old})
	if changed, err := running.Follow(next.KeyID(), next.Check(), nil); !changed || err != nil || running.KeyID() != next.KeyID() {
		t.Fatal(changed, err)
	}
	// A database from before names the file that opens it.
	if _, err := running.Follow(old.KeyID(), old.Check(), nil); applications.ReasonOf(err) != "MASTER_KEY_MISMATCH" || !bytes.Contains([]byte(err.Error()), []byte(OldPath(path))) {
		t.Errorf("got %v", err)
	}
	stranger := generate(t)
	if changed, err := running.Follow(stranger.KeyID(), stranger.Check(), nil); changed || applications.ReasonOf(err) != "MASTER_KEY_MISMATCH" || running.KeyID() != next.KeyID() {
		t.Errorf("%v %v", changed, err)
	}
	if _, err := generate(t).Follow(stranger.KeyID(), stranger.Check(), nil); applications.ReasonOf(err) != "MASTER_KEY_MISMATCH" {
		t.Errorf("%v", err)
	}
}

// An old key that nobody has taken care of yet is not overwritten.
func TestPromoteKeepsEveryKey(t *testing.T) {
	path, first := keyFile(t)
	keys := []*Vault{first}
	for range 3 {
		next, _, err := Next(path)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, next)
		// Another process that is late with the change before takes no key that no
		// database knows yet.
		late := keys[len(keys)-2].KeyID()
		if err := Promote(path, late); err == nil {
			t.Errorf("%s took the place of %s, which was to be there already", next.KeyID(), late)
		}
		if err := Promote(path, next.KeyID()); err != nil {
			t.Fatal(err)
		}
	}
	var there []string
	list, _ := os.ReadDir(filepath.Dir(path))
	for _, f := range list {
		v, err := Load(filepath.Join(filepath.Dir(path), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		there = append(there, v.KeyID())
	}
	for i, k := range keys {
		if !slices.Contains(there, k.KeyID()) {
			t.Errorf("key %d is gone", i)
		}
	}
}

func TestDerivedKeysSurvive(t *testing.T) {
	old, next := generate(t), generate(t)
	for _, l := range Labels {
		wrapped, err := old.WrapDerived(next, l.Name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(wrapped, old.Derive(l.Name)) {
			t.Errorf("%s is not encrypted", l.Name)
		}
		if bytes.Equal(next.Derive(l.Name), old.Derive(l.Name)) {
			t.Fatalf("%s is the same of two keys", l.Name)
		}
		for _, other := range Labels {
			if other.Name != l.Name && applications.ReasonOf(generate(t).Keep(other.Name, wrapped)) != "DATA_KEY_UNREADABLE" {
				t.Errorf("the key of %s opens as that of %s", l.Name, other.Name)
			}
		}
		if err := next.Keep(l.Name, wrapped); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(next.Derive(l.Name), old.Derive(l.Name)) {
			t.Errorf("%s was not kept", l.Name)
		}
		// And through one more change.
		third := generate(t)
		wrapped, err = next.WrapDerived(third, l.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := third.Keep(l.Name, wrapped); err != nil || !bytes.Equal(third.Derive(l.Name), old.Derive(l.Name)) {
			t.Errorf("%s was not kept twice: %v", l.Name, err)
		}
	}
	if id := next.KeyID(); id == old.KeyID() {
		t.Error("the key's own id was kept as well")
	}
}

func TestUnknownLabel(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a label that no change of the key would know of was taken")
		}
	}()
	generate(t).Derive("something new")
}

func TestRewrap(t *testing.T) {
	old, next := generate(t), generate(t)
	k, wrapped, err := old.NewDataKey("p1")
	if err != nil {
		t.Fatal(err)
	}
	at := Place{"applications", "body", "a1"}
	sealed, err := k.Seal(at, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sealed, k.Head()) {
		t.Error("a sealed value does not begin with its key's head")
	}
	rewrapped, err := old.Rewrap(next, "p1", k.ID, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	same, err := next.OpenDataKey("p1", k.ID, rewrapped)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := same.Open(at, sealed); err != nil || string(plain) != "plain" {
		t.Error(err)
	}
	for _, wrong := range []func() error{
		func() error { _, err := next.OpenDataKey("p1", k.ID, wrapped); return err },
		func() error { _, err := old.OpenDataKey("p1", k.ID, rewrapped); return err },
		func() error { _, err := old.Rewrap(next, "p2", k.ID, wrapped); return err },
		func() error { _, err := next.Rewrap(old, "p1", k.ID, wrapped); return err },
	} {
		if err := wrong(); applications.ReasonOf(err) != "DATA_KEY_UNREADABLE" {
			t.Errorf("got %v", err)
		}
	}
}
