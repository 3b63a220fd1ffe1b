package sqlstore_test

import (
	"testing"

	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func BenchmarkCreateApplication(b *testing.B) {
	storetest.BenchmarkCreateApplication(b, storetest.Open)
}
