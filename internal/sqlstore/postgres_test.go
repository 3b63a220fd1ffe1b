package sqlstore_test

import (
	"testing"

	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func TestConformancePostgres(t *testing.T) { storetest.Run(t, storetest.Postgres(t)) }

// TestConformanceDistributed is the same suite where every transaction is
// serializable and one in ten loses its commit.
func TestConformanceDistributed(t *testing.T) { storetest.Run(t, storetest.Distributed(t)) }
