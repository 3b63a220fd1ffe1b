package sqlstore_test

import (
	"testing"

	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func TestConformance(t *testing.T) { storetest.Run(t, storetest.Open) }

func BenchmarkCreateApplication(b *testing.B) {
	storetest.BenchmarkCreateApplication(b, storetest.Open)
}
