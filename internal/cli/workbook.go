package cli

import (
	"errors"
	"math"

	"github.com/openfairlead/fairlead/internal/workbook"
)

// workbookCSV turns the first sheet of an .xlsx workbook into CSV.
func workbookCSV(file []byte, name string) ([]byte, error) {
	b, err := workbook.CSV(file, workbook.Bounds{Part: 256 << 20, Cells: math.MaxInt})
	switch {
	case errors.Is(err, workbook.ErrNone):
		return nil, exit(exitData, "%s is neither CSV nor a workbook that can be read: %w", name, err)
	case err != nil:
		return nil, exit(exitData, "%s: the workbook cannot be read: %w; save it as CSV and import that", name, err)
	}
	return b, nil
}
