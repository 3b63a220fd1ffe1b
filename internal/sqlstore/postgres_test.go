package sqlstore_test

import (
	"testing"

	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func TestConformancePostgres(t *testing.T) { storetest.Run(t, storetest.OpenPostgres) }
