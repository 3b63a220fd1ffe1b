package vault

import (
	"github.com/openfairlead/fairlead/applications"
)

// Label is a use of the master key that is not the wrapping of data keys: a
// key of its own is derived for it.
type Label struct {
	Name string
	// Opens: whoever has the derived key can open applications with it.
	Opens bool
	// Lasting: what was made with the derived key has to be good for longer
	// than a master key, so that the derived key is kept, wrapped, when the
	// master key changes.
	Lasting bool
}

// Labels are all uses that there are.
var Labels = []Label{
	{Name: "applicant token", Opens: true, Lasting: true},
	{Name: "return code", Opens: true, Lasting: true},
	{Name: "return code hash", Opens: true, Lasting: true},
	{Name: "enrollment token", Opens: true, Lasting: true},
	{Name: "enrollment return code", Opens: true, Lasting: true},
	{Name: "member token", Opens: true, Lasting: true},
	{Name: "member reference", Lasting: true},
	{Name: "request hash", Lasting: true},
	{Name: "staff token", Lasting: true}, // of retries only
	{Name: "page-token", Lasting: true},
	{Name: "web/seal", Opens: true, Lasting: true},
	{Name: "erasure list", Lasting: true}, // also for lists and backups from before
	{Name: "sqlstore audit head"},         // made anew with the new key
	{Name: "backup manifest"},             // a backup stays with the key that it was made with
}

// WrapDerived returns, wrapped by to, the key that v derives for a label: to
// keep it when to takes v's place.
func (v *Vault) WrapDerived(to *Vault, label string) ([]byte, error) {
	return to.now.Load().wrap.Encrypt(v.Derive(label), derivedContext(label))
}

// Keep makes a derived key that WrapDerived wrapped take the place of the one
// that v would derive. DataLoss DATA_KEY_UNREADABLE if it is not the label's,
// wrapped by this master key.
func (v *Vault) Keep(label string, wrapped []byte) error {
	k := v.now.Load()
	raw, err := k.wrap.Decrypt(wrapped, derivedContext(label))
	if err != nil || len(raw) != keySize {
		return applications.Errorf(applications.DataLoss, "DATA_KEY_UNREADABLE",
			"the derived key %.40q does not open with the master key %s: the database was changed from outside; restore it from a backup", label, k.id)
	}
	k.derived.Store(appPrefix+label, raw)
	return nil
}

func derivedContext(label string) []byte {
	return appendParts([]byte("fairlead derived key 1"), label)
}
